// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/containerd/ttrpc"
	"golang.org/x/sys/unix"
)

// vsockListener is what net lacks: it knows no address family but its own.
type vsockListener struct{ descriptor int }

func (l vsockListener) Accept() (net.Conn, error) {
	accepted, _, err := unix.Accept4(l.descriptor, unix.SOCK_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return vsockConnection{os.NewFile(uintptr(accepted), "vsock")}, nil
}
func (l vsockListener) Close() error   { return unix.Close(l.descriptor) }
func (l vsockListener) Addr() net.Addr { return &net.UnixAddr{Name: "vsock"} }

type vsockConnection struct{ *os.File }

func (vsockConnection) LocalAddr() net.Addr  { return &net.UnixAddr{Name: "vsock"} }
func (vsockConnection) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "vsock"} }

// What test/bench/boot compares with: PID 1 of a VM that serves ttrpc on a vsock port and does nothing else.
func runGuest() error {
	port := uint64(1024)
	for _, argument := range os.Args[1:] {
		if number, found := strings.CutPrefix(argument, "-vsock-rpc-port="); found {
			port, _ = strconv.ParseUint(number, 10, 32)
		}
	}
	server, err := ttrpc.NewServer()
	if err != nil {
		return err
	}
	server.RegisterService(service, &ttrpc.ServiceDesc{Methods: map[string]ttrpc.Method{"Echo": echo}})
	descriptor, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(descriptor, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: uint32(port)}); err != nil {
		return err
	}
	if err := unix.Listen(descriptor, 16); err != nil {
		return err
	}
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	fmt.Printf("VMINITD_READY uptime_us=%d phase=serve\n", now.Nano()/1000)
	return server.Serve(context.Background(), vsockListener{descriptor})
}
