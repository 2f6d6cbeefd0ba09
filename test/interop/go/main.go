// SPDX-License-Identifier: Apache-2.0

// A peer that speaks ttrpc with the Go implementation: `interop client PATH` checks a server of t.S, `interop server PATH`
// is one until its standard input ends, `interop call PATH COUNT DEPTH` makes calls of Echo for test/bench. As PID 1 it is
// a guest (see guest.go).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// Payload has the wire form of t.EchoPayload (1 integer, 2 string), so that nothing has to be generated here.
type Payload = status.Status

func payload(seq int32, msg string) *Payload { return &Payload{Code: seq, Message: msg} }

const service = "t.S"

func main() {
	if os.Getpid() == 1 {
		fmt.Fprintln(os.Stderr, "interop:", runGuest())
		os.Exit(1)
	}
	commands := map[string]func(string) error{"client": runClient, "server": runServer, "call": runCalls}
	if len(os.Args) < 3 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: interop client|server PATH, interop call PATH COUNT DEPTH")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func expect(what string, got, want any) error {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}

func expectStatus(what string, err error, code codes.Code, text string) error {
	s, ok := grpcstatus.FromError(err)
	if err == nil || !ok || s.Code() != code || !strings.HasPrefix(s.Message(), text) {
		return fmt.Errorf("%s: got %v, want %v %q", what, err, code, text)
	}
	return nil
}

type check struct {
	name string
	run  func(context.Context, *ttrpc.Client) error
}

func runClient(path string) error {
	checks := []check{
		{"unary", checkUnary}, {"errors", checkErrors}, {"deadline", checkDeadline}, {"metadata", checkMetadata},
		{"bidi", checkBidi}, {"client stream", checkClientStream}, {"server stream", checkServerStream},
		{"large", checkLarge}, {"concurrent", checkConcurrent},
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	client := ttrpc.NewClient(conn)
	defer client.Close()
	for _, c := range checks {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		err := c.run(ctx, client)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Println("ok:", c.name)
	}
	return nil
}

func checkUnary(ctx context.Context, c *ttrpc.Client) error {
	var answer Payload
	if err := c.Call(ctx, service, "Echo", payload(1, "hi"), &answer); err != nil {
		return err
	}
	return errors.Join(expect("seq", answer.Code, 2), expect("msg", answer.Message, "hi"))
}

func checkErrors(ctx context.Context, c *ttrpc.Client) error {
	var answer Payload
	return errors.Join(
		expectStatus("service", c.Call(ctx, "nope", "x", payload(0, ""), &answer), codes.Unimplemented, "service nope"),
		expectStatus("method", c.Call(ctx, service, "Nope", payload(0, ""), &answer), codes.Unimplemented, "method Nope"),
		expectStatus("class", c.Call(ctx, service, "Fail", payload(0, "not found"), &answer), codes.NotFound, "container x: not found"),
		expectStatus("thrown", c.Call(ctx, service, "Fail", payload(0, "throw"), &answer), codes.Internal, "thrown"),
		checkUnary(ctx, c))
}

func checkDeadline(ctx context.Context, c *ttrpc.Client) error {
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	var answer Payload
	if err := c.Call(short, service, "Sleep", payload(5000, ""), &answer); err == nil {
		return errors.New("a call of 5 s took 50 ms")
	}
	return checkUnary(ctx, c)
}

func checkMetadata(ctx context.Context, c *ttrpc.Client) error {
	md := ttrpc.MD{}
	md.Set("Foo", "1", "2")
	var answer Payload
	if err := c.Call(ttrpc.WithMetadata(ctx, md), service, "Metadata", payload(0, "foo"), &answer); err != nil {
		return err
	}
	return expect("values", answer.Message, "1,2")
}

func checkBidi(ctx context.Context, c *ttrpc.Client) error {
	stream, err := c.NewStream(ctx, &ttrpc.StreamDesc{StreamingClient: true, StreamingServer: true}, service, "Bidi", nil)
	if err != nil {
		return err
	}
	for seq := int32(0); seq < 200; seq++ {
		if err := stream.SendMsg(payload(seq, "x")); err != nil {
			return err
		}
		var answer Payload
		if err := stream.RecvMsg(&answer); err != nil {
			return err
		}
		if err := expect("seq", answer.Code, seq+1); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return expect("end", stream.RecvMsg(&Payload{}), io.EOF)
}

func checkClientStream(ctx context.Context, c *ttrpc.Client) error {
	stream, err := c.NewStream(ctx, &ttrpc.StreamDesc{StreamingClient: true}, service, "Sum", nil)
	if err != nil {
		return err
	}
	for seq := int32(1); seq <= 1000; seq++ {
		if err := stream.SendMsg(payload(seq, "")); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	var answer Payload
	if err := stream.RecvMsg(&answer); err != nil {
		return err
	}
	if err := errors.Join(expect("sum", answer.Code, 500500), expect("count", answer.Message, "1000")); err != nil {
		return err
	}
	return checkSlowReader(ctx, c)
}

// The reader waits a millisecond for each message.
func checkSlowReader(ctx context.Context, c *ttrpc.Client) error {
	stream, err := c.NewStream(ctx, &ttrpc.StreamDesc{StreamingClient: true}, service, "Slow", nil)
	if err != nil {
		return err
	}
	for i := 0; i < 3000; i++ {
		if err := stream.SendMsg(payload(1, "")); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	var answer Payload
	if err := stream.RecvMsg(&answer); err != nil {
		return err
	}
	return expect("slow", answer.Code, 3000)
}

func checkServerStream(ctx context.Context, c *ttrpc.Client) error {
	for _, ending := range []string{"", "abort"} {
		stream, err := c.NewStream(ctx, &ttrpc.StreamDesc{StreamingServer: true}, service, "Gen", payload(50, ending))
		if err != nil {
			return err
		}
		for seq := int32(0); seq < 50; seq++ {
			var answer Payload
			if err := stream.RecvMsg(&answer); err != nil {
				return err
			}
			if err := expect("seq", answer.Code, seq); err != nil {
				return err
			}
		}
		err = stream.RecvMsg(&Payload{})
		if ending == "" {
			err = expect("end", err, io.EOF)
		} else {
			err = expectStatus("end", err, codes.Aborted, "gen: aborted")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkLarge(ctx context.Context, c *ttrpc.Client) error {
	var answer Payload
	if err := c.Call(ctx, service, "Big", payload(4<<20-10, ""), &answer); err != nil {
		return err
	}
	if err := expect("size", len(answer.Message), 4<<20-10); err != nil {
		return err
	}
	err := c.Call(ctx, service, "Big", payload(5<<20, ""), &answer)
	return errors.Join(expectStatus("too large", err, codes.ResourceExhausted, "message length"), checkUnary(ctx, c))
}

func checkConcurrent(ctx context.Context, c *ttrpc.Client) error {
	failures := make(chan error, 64)
	var wait sync.WaitGroup
	for worker := 0; worker < cap(failures); worker++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := 0; i < 50; i++ {
				if err := checkUnary(ctx, c); err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	wait.Wait()
	close(failures)
	return <-failures
}

func runServer(path string) error {
	server, err := ttrpc.NewServer()
	if err != nil {
		return err
	}
	server.RegisterService(service, &ttrpc.ServiceDesc{
		Methods: map[string]ttrpc.Method{"Echo": echo, "Sleep": sleep, "Fail": fail, "Big": big, "Metadata": metadata},
		Streams: map[string]ttrpc.Stream{
			"Bidi": {Handler: bidi, StreamingClient: true, StreamingServer: true},
			"Sum":  {Handler: sum, StreamingClient: true},
			"Gen":  {Handler: gen, StreamingServer: true},
		},
	})
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	go server.Serve(context.Background(), listener)
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	return server.Close()
}

func echo(ctx context.Context, unmarshal func(any) error) (any, error) {
	var request Payload
	if err := unmarshal(&request); err != nil {
		return nil, err
	}
	request.Code++
	return &request, nil
}

func sleep(ctx context.Context, unmarshal func(any) error) (any, error) {
	var request Payload
	if err := unmarshal(&request); err != nil {
		return nil, err
	}
	select {
	case <-time.After(time.Duration(request.Code) * time.Millisecond):
		return &request, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func fail(ctx context.Context, unmarshal func(any) error) (any, error) {
	return nil, grpcstatus.Error(codes.NotFound, "container x: not found")
}

func big(ctx context.Context, unmarshal func(any) error) (any, error) {
	var request Payload
	if err := unmarshal(&request); err != nil {
		return nil, err
	}
	return payload(0, strings.Repeat("a", int(request.Code))), nil
}

func metadata(ctx context.Context, unmarshal func(any) error) (any, error) {
	md, _ := ttrpc.GetMetadata(ctx)
	values, _ := md.Get("foo")
	return payload(0, strings.Join(values, ",")), nil
}

func bidi(ctx context.Context, stream ttrpc.StreamServer) (any, error) {
	for {
		var message Payload
		if err := stream.RecvMsg(&message); err != nil {
			if errors.Is(err, io.EOF) {
				return nil, nil
			}
			return nil, err
		}
		message.Code++
		if err := stream.SendMsg(&message); err != nil {
			return nil, err
		}
	}
}

func sum(ctx context.Context, stream ttrpc.StreamServer) (any, error) {
	var total Payload
	count := 0
	for {
		var message Payload
		if err := stream.RecvMsg(&message); err != nil {
			if errors.Is(err, io.EOF) {
				total.Message = fmt.Sprint(count)
				return &total, nil
			}
			return nil, err
		}
		total.Code += message.Code
		count++
	}
}

func gen(ctx context.Context, stream ttrpc.StreamServer) (any, error) {
	var request Payload
	if err := stream.RecvMsg(&request); err != nil {
		return nil, err
	}
	for seq := int32(0); seq < request.Code; seq++ {
		if err := stream.SendMsg(payload(seq, "")); err != nil {
			return nil, err
		}
	}
	if request.Message == "abort" {
		return nil, grpcstatus.Error(codes.Aborted, "gen: aborted")
	}
	return nil, nil
}
