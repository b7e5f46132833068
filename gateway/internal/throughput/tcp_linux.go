package main

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
)

// streamTCP returns how many bits a second one TCP connection takes through a
// plane, whose interfaces are as they are made: they leave checksums undone and
// segments uncut. All share the processors.
func streamTCP(name, service string, length time.Duration) (rate float64, err error) {
	b, err := testbed.New(1, 1)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	f, err := startForwarder(b, name, false, -1)
	if err != nil {
		return 0, err
	}
	defer func() {
		_, e := f.stop()
		err = errors.Join(err, e)
	}()

	address := net.JoinHostPort(service, "80")
	var l net.Listener
	if err := b.Pods[0].Do(func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	}); err != nil {
		return 0, err
	}
	defer l.Close() //nolint:errcheck // it has served
	var received atomic.Int64
	go func() {
		c, err := l.Accept()
		if err != nil {
			return // it was closed
		}
		defer c.Close() //nolint:errcheck // nothing was written
		memory := make([]byte, 1<<20)
		for n := 0; err == nil; received.Add(int64(n)) {
			n, err = c.Read(memory)
		}
	}()
	var c net.Conn
	if err := b.Client.Do(func() (err error) {
		c, err = net.DialTimeout("tcp", address, 5*time.Second)
		return err
	}); err != nil {
		return 0, err
	}
	defer c.Close() //nolint:errcheck // the rest does not matter
	go func() {
		memory := make([]byte, 1<<20)
		for err := error(nil); err == nil; {
			_, err = c.Write(memory)
		}
	}()
	time.Sleep(length / 4) // the window opens
	before, start := received.Load(), time.Now()
	time.Sleep(length)
	return 8 * float64(received.Load()-before) / time.Since(start).Seconds(), nil
}
