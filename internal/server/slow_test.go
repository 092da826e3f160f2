// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// listening serves a handler behind the server's deadlines and gives its address.
func listening(t *testing.T, patience time.Duration, h http.HandlerFunc) string {
	t.Helper()
	s, err := Open(t.Context(), Config{Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.patience = patience
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := s.httpServer(s.around(h))
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return l.Addr().String()
}

// outcome waits for what a handler met, and fails when nothing ends it.
func outcome(t *testing.T, met <-chan error) error {
	t.Helper()
	select {
	case err := <-met:
		return err
	case <-time.After(5 * time.Minute):
		t.Fatal("nobody cuts the client off")
		return nil
	}
}

// A client that sends its body byte by byte is cut off; one that only takes long for much
// is not.
func TestSlowBodies(t *testing.T) {
	met := make(chan error, 1)
	address := listening(t, 300*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		met <- err
	})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
	go func() {
		for {
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	var timeout net.Error
	if err := outcome(t, met); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("the body ends with %v, want a deadline", err)
	}
}

// TestLongBodies: twice the patience, but a megabyte, which may take a quarter of an hour. A
// machine that does much else may not even bring the first byte within little patience.
func TestLongBodies(t *testing.T) {
	for patience := 300 * time.Millisecond; ; patience *= 5 {
		err := steadily(t, patience)
		if err == nil {
			return
		}
		if patience > 30*time.Second {
			t.Fatal(err)
		}
		t.Logf("with a patience of %s: %v", patience, err)
	}
}

// steadily sends a body that takes longer than the patience, and is as large as that may be.
func steadily(t *testing.T, patience time.Duration) error {
	t.Helper()
	met := make(chan error, 1)
	address := listening(t, patience, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		met <- err
	})
	body := io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), late{2 * patience}, strings.NewReader("end"))
	resp, err := http.Post("http://"+address, "text/plain", body)
	if err != nil {
		return fmt.Errorf("a long body is not answered: %w", err)
	}
	_ = resp.Body.Close()
	if err = outcome(t, met); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("a long body is answered with %s: %w", resp.Status, err)
	}
	return nil
}

// late gives nothing, after a while.
type late struct{ d time.Duration }

func (l late) Read([]byte) (int, error) {
	time.Sleep(l.d)
	return 0, io.EOF
}

// A client that does not take its answer is cut off.
func TestAnswersThatNobodyTakes(t *testing.T) {
	met := make(chan error, 1)
	address := listening(t, 300*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		var err error
		for block := make([]byte, 1<<20); err == nil; {
			_, err = w.Write(block)
		}
		met <- err
	})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	var timeout net.Error
	if err := outcome(t, met); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("the answer ends with %v, want a deadline", err)
	}
}

// Headers that never end, and headers that are too large, reach no handler.
func TestSlowAndLargeHeaders(t *testing.T) {
	address := listening(t, 10*time.Minute, func(http.ResponseWriter, *http.Request) { t.Error("the request came through") })
	for name, c := range map[string]struct{ sent, want string }{
		"never_end": {"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", ""},
		"too_large": {"GET / HTTP/1.1\r\nHost: a\r\nX-Large: " + strings.Repeat("x", 1<<20), "431"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() { _, _ = io.WriteString(conn, c.sent) }()
			ended := make(chan string, 1)
			go func() {
				line, _ := bufio.NewReader(conn).ReadString('\n')
				ended <- line
			}()
			select {
			case line := <-ended:
				if !strings.Contains(line, c.want) {
					t.Errorf("the connection ends with %q, want %q", line, c.want)
				}
			case <-time.After(5 * time.Minute):
				t.Error("the connection is kept")
			}
		})
	}
}
