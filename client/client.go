// SPDX-License-Identifier: Apache-2.0

// Package client speaks to a Seaworthy server: it sends reports so that they arrive once,
// whatever happens on the way, and reads what the server knows.
//
// It needs the standard library and the words of the product only. A client is safe for
// concurrent use.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Config says which server, and as whom.
type Config struct {
	// URL is the server's address, such as https://seaworthy.example.com.
	URL string
	// Token is an API token.
	Token string
	// Key signs a token for each request, in the place of Token.
	Key *AgentKey
	// HTTP makes requests; nil: a client that follows no redirects to other hosts.
	HTTP *http.Client
	// Agent names the program that asks.
	Agent string
	// Tries bounds how often a request is made when the server cannot answer; 0: 6.
	Tries int
	// Pause is the first pause between tries, which doubles; 0: a second.
	Pause time.Duration
	// Tell is told of pauses; nil: nobody is.
	Tell func(err error, pause time.Duration)
}

// Client speaks to one server.
type Client struct {
	c    Config
	base *url.URL
}

// New checks the address. Over plain HTTP the token can be read on the way: the caller
// warns where that matters.
func New(c Config) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(c.URL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, seaworthy.Invalid("the server's address %q must be like https://seaworthy.example.com", c.URL)
	}
	if c.Token == "" && c.Key == nil {
		return nil, seaworthy.Invalid("an API token is needed to speak to %s", base.Redacted())
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{CheckRedirect: sameHost}
	}
	c.Tries, c.Pause, c.Agent = cmp.Or(c.Tries, 6), cmp.Or(c.Pause, time.Second), cmp.Or(c.Agent, "seaworthy")
	return &Client{c, base}, nil
}

// sameHost keeps the token from other hosts.
func sameHost(r *http.Request, via []*http.Request) error {
	if len(via) > 5 || r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// Error is what a server answers instead of what was asked for: application/problem+json.
type Error struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	// Instance names the request in the server's log.
	Instance string `json:"instance"`
	// Errors name what of the request was wrong.
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`

	wait time.Duration // asked for by the server
}

// Error tells what the server said.
func (e *Error) Error() string {
	text := cmp.Or(e.Detail, e.Title, http.StatusText(e.Status))
	for _, d := range e.Errors {
		text += "; " + strings.TrimSpace(d.Location+" "+d.Message)
	}
	return fmt.Sprintf("the server answers %d: %s", e.Status, text)
}

// again tells whether the same request may succeed later.
func (e *Error) again() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return e.Status >= http.StatusInternalServerError
}

// status is that of an answer that is an error; 0 for others.
func status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// Get reads a resource of the API into a value: Get(ctx, "/api/v1/findings", query, &v).
func (c *Client) Get(ctx context.Context, path string, query url.Values, into any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.retry(ctx, func() error { return c.once(ctx, http.MethodGet, path, nil, nil, into) })
}

// Send makes a request with a body of JSON, once: not every request may be made twice.
func (c *Client) Send(ctx context.Context, method, path string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write a request: %w", err)
	}
	return c.once(ctx, method, path, http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(data), into)
}

// Findings calls f with each page of findings that a query selects, as the API has it:
// url.Values{"status": {"open"}}.
func (c *Client) Findings(ctx context.Context, query url.Values, f func([]seaworthy.TrackedFinding) error) error {
	q := url.Values{}
	for k, v := range query {
		q[k] = v
	}
	for {
		var page struct {
			Items []seaworthy.TrackedFinding `json:"items"`
			Next  string                     `json:"next"`
		}
		if err := c.Get(ctx, "/api/v1/findings", q, &page); err != nil {
			return err
		}
		if err := f(page.Items); err != nil || page.Next == "" {
			return err
		}
		q.Set("cursor", page.Next)
	}
}

// answerLimit bounds an answer of JSON.
const answerLimit = 256 << 20

// once makes one request and reads its answer.
func (c *Client) once(ctx context.Context, method, path string, header http.Header, body io.Reader, into any) (err error) {
	resp, err := c.ask(ctx, method, path, header, body)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if into == nil {
		return nil
	}
	return decode(resp, into)
}

func decode(resp *http.Response, into any) error {
	if err := json.NewDecoder(io.LimitReader(resp.Body, answerLimit)).Decode(into); err != nil {
		return fmt.Errorf("read the server's answer to %s %s: %w", resp.Request.Method, resp.Request.URL.Path, err)
	}
	return nil
}

// ask makes one request; its answer, which is what was asked for, is still to be read.
func (c *Client) ask(ctx context.Context, method, path string, header http.Header, body io.Reader) (*http.Response, error) {
	token := c.c.Token
	if c.c.Key != nil {
		var err error
		if token, err = c.c.Key.Bearer(); err != nil {
			return nil, fmt.Errorf("sign a token: %w", err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, body)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("User-Agent", c.c.Agent)
	resp, err := c.c.HTTP.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the rest of its text repeats ours
		}
		return nil, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the server " + c.base.Redacted() + " cannot be reached", Err: err}
	}
	if resp.StatusCode == http.StatusUnauthorized && c.c.Key != nil && c.c.Key.told(resp.Header.Get("Date")) {
		err = &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the server's clock is not ours; the next try goes by its"}
		return nil, errors.Join(err, resp.Body.Close())
	}
	if resp.StatusCode/100 != 2 {
		return nil, errors.Join(refused(resp), resp.Body.Close())
	}
	return resp, nil
}

// refused reads what an answer says of itself; a proxy's may say nothing.
func refused(resp *http.Response) error {
	e := &Error{}
	if data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20)); err == nil {
		_ = json.Unmarshal(data, e) // or it is a page of a proxy
	}
	e.Status = resp.StatusCode
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.wait = time.Duration(s) * time.Second
	}
	if e.Status/100 == 3 {
		e.Detail = "it wants to send us to " + resp.Header.Get("Location")
	}
	return e
}

// retry makes a request that may be made again until it succeeds, is refused for good,
// or the tries are used up.
func (c *Client) retry(ctx context.Context, f func() error) error {
	pause := c.c.Pause
	for try := 1; ; try++ {
		err := f()
		var answer *Error
		var told *seaworthy.Error
		switch {
		case err == nil, ctx.Err() != nil, try >= c.c.Tries:
			return err
		case errors.As(err, &answer):
			if !answer.again() {
				return err
			}
		case !errors.As(err, &told) || told.Kind != seaworthy.KindUnavailable:
			return err
		}
		wait := pause
		if answer != nil && answer.wait > 0 {
			wait = min(answer.wait, 2*time.Minute)
		}
		if c.c.Tell != nil {
			c.c.Tell(err, wait)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
		pause = min(2*pause, time.Minute)
	}
}
