// SPDX-License-Identifier: Apache-2.0

// Package ports finds ports for servers of tests that stop and start again.
package ports

import (
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

// Free finds n different ports of the loopback address that nothing listens on at this moment.
func Free(n int) ([]string, error) {
	const tries = 1000
	out := make([]string, 0, n)
	var err error
	for range tries {
		if len(out) == n {
			return out, nil
		}
		port := strconv.Itoa(lowest + rand.IntN(highest-lowest))
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err != nil {
			continue
		}
		defer l.Close() // held until all are found, so that they differ
		out = append(out, port)
	}
	return nil, fmt.Errorf("find a free port: %w", err)
}
