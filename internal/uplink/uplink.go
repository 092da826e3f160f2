// SPDX-License-Identifier: Apache-2.0

// Package uplink is the agent's side of the wire to the server. What was seen and what was
// found waits on disk, each in a stream of its own that is numbered without holes, until
// the server has taken it, through restarts of either and for as long as the disk has room.
//
// Nothing is handed back to whoever saw it: what [Uplink.Observe] returned from will be on
// record, or the trail will say from when to when something is missing.
package uplink

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
)

// Config says to whom messages go, as whom, and where they wait.
type Config struct {
	Client *client.Client
	Agent  seaworthy.Agent
	Key    ed25519.PrivateKey
	// Dir is a folder of this replica alone.
	Dir string
	// Limit bounds the bytes of each stream that wait; 0: as a spool has it.
	Limit int64
	// State is asked what to say at each heartbeat; what the uplink itself knows is filled in.
	State func() seaworthy.Heartbeat
	// Configured is told of each new configuration of the server, Wanted that it asks for a
	// whole report. Neither may take long.
	Configured func(seaworthy.AgentConfiguration)
	Wanted     func()
	Log        *slog.Logger
	Now        func() time.Time // nil: time.Now
	// Every is the time between heartbeats, Pause the first one after an error, which
	// doubles up to a minute; 0: as usual.
	Every, Pause time.Duration
}

// Uplink keeps messages and sends them. It is safe for concurrent use.
type Uplink struct {
	cfg Config
	log *slog.Logger

	pending pending

	mu       sync.Mutex
	box      *box   // of this instance
	old      []*box // of instances before it: only sent
	lost     map[string]time.Time
	etag     string
	answered time.Time     // by the server, to a heartbeat or to messages
	refused  error         // what it last answered instead
	sending  bool          // [Uplink.Run] does
	news     chan struct{} // closed when the server took messages, or did not, or nothing is sent
}

// Open opens what waits in the folder. Messages may be added at once; [Uplink.Run] sends
// them.
func Open(c Config) (*Uplink, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Every, c.Pause = cmp.Or(c.Every, seaworthy.HeartbeatEvery), cmp.Or(c.Pause, time.Second)
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the spool: %w", err)
	}
	u := &Uplink{cfg: c, log: c.Log, lost: map[string]time.Time{}, news: make(chan struct{})}
	return u, u.open()
}

// open finds the box of this instance and those of earlier ones that still hold messages.
func (u *Uplink) open() error {
	instance, err := currentInstance(u.cfg.Dir)
	if err != nil {
		return err
	}
	if u.box, err = openBox(u.cfg.Dir, instance, u.cfg.Limit); err != nil {
		return err
	}
	entries, err := os.ReadDir(u.cfg.Dir)
	if err != nil {
		return fmt.Errorf("read the folder of the spool: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == instance {
			continue
		}
		b, err := openBox(u.cfg.Dir, e.Name(), u.cfg.Limit)
		if err != nil { // the story of this instance must not wait for that of another one
			u.log.Error("messages of an earlier instance cannot be read", "instance", e.Name(), "error", err)
			continue
		}
		u.old = append(u.old, b)
	}
	return nil
}

// Close brings everything to the disk.
func (u *Uplink) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	errs := []error{u.box.close()}
	for _, b := range u.old {
		errs = append(errs, b.close())
	}
	return errors.Join(errs...)
}

// Instance is whose messages are numbered here.
func (u *Uplink) Instance() string { return u.current().instance }

func (u *Uplink) current() *box {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.box
}

// Run sends messages and heartbeats until the context ends. An error means that the server
// does not know the agent any more.
func (u *Uplink) Run(ctx context.Context) error {
	u.sends(true)
	defer u.sends(false)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return u.beats(ctx) })
	g.Go(func() error { return u.send(ctx, seaworthy.StreamChanges) })
	g.Go(func() error { return u.send(ctx, seaworthy.StreamFindings) })
	g.Go(func() error { return u.sendOld(ctx) })
	err := g.Wait()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// Link is how it stands with the server.
type Link struct {
	Instance string
	// Waiting counts messages that the server has not acknowledged, by stream, Last is the
	// number of the newest.
	Waiting map[string]int
	Last    map[string]uint64
	Bytes   map[string]int64
	// Answered is when the server last did; Refused what it last said instead.
	Answered time.Time
	Refused  error
	// Full tells whether some stream takes nothing more.
	Full bool
}

// Link tells how it stands with the server.
func (u *Uplink) Link() Link {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := Link{Instance: u.box.instance, Waiting: map[string]int{}, Last: map[string]uint64{}, Answered: u.answered, Refused: u.refused, Full: len(u.lost) > 0}
	for _, s := range u.box.streams() {
		n, last := s.spool.Waiting()
		out.Waiting[s.name], out.Last[s.name] = int(n), last
	}
	for _, b := range u.old {
		for _, s := range b.streams() {
			n, _ := s.spool.Waiting()
			out.Waiting[s.name] += int(n)
		}
	}
	return out
}

// Ask makes the next heartbeat fetch the configuration again, whatever it says.
func (u *Uplink) Ask() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.etag = ""
}

// Arrived waits until the server has everything that was observed before, and tells whether it
// has. It waits neither for a server that does not answer, nor while nothing is sent, nor longer
// than the context lasts.
func (u *Uplink) Arrived(ctx context.Context) bool {
	s := u.current().changes
	_, mine := s.spool.Waiting()
	for {
		u.mu.Lock()
		news, hope := u.news, u.sending && u.refused == nil
		u.mu.Unlock()
		waiting, last := s.spool.Waiting()
		if last-waiting >= mine {
			return true
		}
		if !hope {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-news:
		}
	}
}

// sends notes whether anything is sent.
func (u *Uplink) sends(yes bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sending = yes
	u.tellNews()
}

// tellNews wakes those who wait for the server; u.mu is held.
func (u *Uplink) tellNews() {
	close(u.news)
	u.news = make(chan struct{})
}

// note keeps what the server last said, and logs it when that is another thing than before.
func (u *Uplink) note(doing string, err error) {
	u.mu.Lock()
	was := u.refused
	u.refused = err
	if err != nil {
		u.tellNews()
	}
	if err == nil {
		u.answered = u.cfg.Now()
	}
	u.mu.Unlock()
	switch {
	case err != nil && (was == nil || was.Error() != err.Error()):
		u.log.Warn("the server does not take what is sent", "doing", doing, "error", err)
	case err == nil && was != nil:
		u.log.Info("the server answers again", "doing", doing)
	}
}

// beats sends heartbeats.
func (u *Uplink) beats(ctx context.Context) error {
	tick := time.NewTicker(u.cfg.Every)
	defer tick.Stop()
	for {
		if err := u.beat(ctx); client.Revoked(err) {
			return fmt.Errorf("the server knows this agent no more; enrol it again: %w", err)
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Beat sends one heartbeat outside of their order, as when something just became different.
func (u *Uplink) Beat(ctx context.Context) error { return u.beat(ctx) }

// End sends what waits and then a last heartbeat: nothing is added any more. What cannot be
// sent stays on disk, and the server is told how much that is, if it is there.
func (u *Uplink) End(ctx context.Context) error {
	return errors.Join(u.drain(ctx, u.current()), u.say(ctx, true))
}

func (u *Uplink) beat(ctx context.Context) error { return u.say(ctx, false) }

func (u *Uplink) say(ctx context.Context, ended bool) error {
	ctx, cancel := context.WithTimeout(ctx, u.cfg.Every)
	defer cancel()
	h := seaworthy.Heartbeat{}
	if u.cfg.State != nil {
		h = u.cfg.State()
	}
	link := u.Link()
	h.Instance, h.At, h.Waiting, h.Last, h.Ended = link.Instance, u.cfg.Now().UTC(), link.Waiting, link.Last, ended
	answer, err := u.cfg.Client.Heartbeat(ctx, h)
	if ctx.Err() == nil || err == nil {
		u.note("send a heartbeat", err)
	}
	if err != nil || ended {
		return err
	}
	if answer.Report && h.Leader && u.cfg.Wanted != nil {
		u.cfg.Wanted()
	}
	return u.configure(ctx, answer.Configuration)
}

// configure fetches the configuration when it is another one than before.
func (u *Uplink) configure(ctx context.Context, etag string) error {
	u.mu.Lock()
	have := u.etag
	u.mu.Unlock()
	if have != "" && have == etag {
		return nil
	}
	c, now, err := u.cfg.Client.AgentConfiguration(ctx, have)
	if err != nil {
		u.note("fetch the configuration", err)
		return err
	}
	if now == have && have != "" {
		return nil
	}
	u.mu.Lock()
	u.etag = now
	u.mu.Unlock()
	if u.cfg.Configured != nil {
		u.cfg.Configured(c)
	}
	return nil
}
