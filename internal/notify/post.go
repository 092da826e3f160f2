// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAnswer is what is read of an answer.
const maxAnswer = 64 << 10

// post sends a body and gives the answer of a receiver that took it. Errors never hold the
// address: that of an incoming webhook is its secret.
func post(ctx context.Context, client *http.Client, address string, header map[string]string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, Refusal{errors.New("the address is malformed")}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "seaworthy")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return nil, fmt.Errorf("send: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return answer, nil
	}
	err = fmt.Errorf("it answered %s%s", resp.Status, quoted(answer))
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable:
		return nil, Later{err, retryAfter(resp.Header.Get("Retry-After"))}
	case resp.StatusCode >= 300 && resp.StatusCode < 500 && resp.StatusCode != http.StatusRequestTimeout:
		return nil, Refusal{err}
	}
	return nil, err
}

func quoted(answer []byte) string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(answer), "?"))
	if text == "" {
		return ""
	}
	return fmt.Sprintf(": %q", shortened(text, 200))
}

// retryAfter reads the header of that name, in seconds; a date there is rare and means
// only later.
func retryAfter(text string) time.Duration {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 24*3600 {
		return 0
	}
	return time.Duration(n) * time.Second
}
