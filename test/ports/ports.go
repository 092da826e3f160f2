// SPDX-License-Identifier: Apache-2.0

// Package ports finds ports for servers of tests that stop and start again.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports are below those from which systems take the near end of outgoing connections:
// one of these may get the port of a server that is away for a moment, and keep it.
const (
	lowest  = 10_000
	highest = 32_000
)

// Free finds n different ports of the loopback address that nothing listens on, and that no
// other test is given until this process ends.
func Free(n int) ([]string, error) {
	const tries = 1000
	out := make([]string, 0, n)
	var err error
	for range tries {
		if len(out) == n {
			return out, nil
		}
		port := strconv.Itoa(lowest + rand.IntN(highest-lowest))
		if err = reserve(net.JoinHostPort("127.0.0.1", port)); err == nil {
			out = append(out, port)
		}
	}
	return nil, fmt.Errorf("find a free port: %w", err)
}

// reserve takes an address from all who find ports like this: a server that has not started
// yet, or is away for a moment, holds its port no more than anybody. The sign of it is the
// port of the same number for datagrams, which no server of tests needs.
func reserve(address string) error {
	sign, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err == nil {
		err = l.Close()
	}
	if err != nil {
		return errors.Join(err, sign.Close())
	}
	go func() { // for as long as the process lives, whatever is sent there
		for err := error(nil); err == nil; {
			_, _, err = sign.ReadFrom(make([]byte, 1))
		}
	}()
	return nil
}
