// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"

	"github.com/containerd/ttrpc"
)

// As many calls of Echo as the command line says, so many at a time.
func runCalls(path string) error {
	if len(os.Args) != 5 {
		return fmt.Errorf("call PATH COUNT DEPTH")
	}
	count, _ := strconv.Atoi(os.Args[3])
	depth, _ := strconv.Atoi(os.Args[4])
	conn, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	client := ttrpc.NewClient(conn)
	defer client.Close()
	failures := make(chan error, depth)
	var wait sync.WaitGroup
	for worker := 0; worker < depth; worker++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			failures <- callOften(client, count/depth)
		}()
	}
	wait.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

func callOften(client *ttrpc.Client, count int) error {
	for i := 0; i < count; i++ {
		var answer Payload
		if err := client.Call(context.Background(), service, "Echo", payload(1, "a container's id or so"), &answer); err != nil {
			return err
		}
		if answer.Code != 2 {
			return fmt.Errorf("answer %d", answer.Code)
		}
	}
	return nil
}
