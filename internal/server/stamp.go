// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/jobs"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/timestamp"
)

// stampEvery is how often the authority is asked: a timestamp of a head holds for all
// entries before it, so one in a while will do, and authorities are asked by many.
const stampEvery = time.Hour

// openStamps prepares to ask the authority. It need not answer yet.
func (s *Server) openStamps() (err error) {
	if s.config.Timestamps.URL == "" {
		return nil
	}
	c := s.config.Timestamps
	c.Plain, c.Private = true, true // whoever starts the server names the address
	s.stamps, err = timestamp.New(c)
	return err
}

// stampJobs is the periodic work of timestamps: none without an authority.
func (s *Server) stampJobs() []jobs.Job {
	if s.stamps == nil {
		return nil
	}
	return []jobs.Job{{Name: store.TimestampJob, Every: stampEvery, Lease: 2 * time.Minute, Run: s.stampLast}}
}

// stampLast has the authority see the newest head of the log, unless it did.
func (s *Server) stampLast(ctx context.Context) error {
	if err := s.checkpoint(ctx); err != nil { // at the first start there is none yet
		return err
	}
	c, err := s.store.LastCheckpoint(ctx)
	if isNotFound(err) {
		return nil
	}
	if err == nil {
		_, err = s.stamp(ctx, c)
	}
	return err
}

// stamp gives the timestamp of a head, and asks for it when there is none.
func (s *Server) stamp(ctx context.Context, c store.Checkpoint) ([]byte, error) {
	if len(c.Timestamp) > 0 {
		return c.Timestamp, nil
	}
	token, err := s.stamps.Stamp(ctx, []byte(c.Note))
	if err != nil {
		return nil, err
	}
	return token, s.store.SetTimestamp(ctx, c.Size, token)
}

// stampPackage is stamp for the head that seals a package. A package without a timestamp
// is whole as well: that an authority is away does not take hours of work from anybody.
func (s *Server) stampPackage(ctx context.Context, c store.Checkpoint) ([]byte, error) {
	token, err := s.stamp(ctx, c)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("a package is sealed without a timestamp", "error", err)
		return nil, nil
	}
	return token, err
}

// checkStamps tells which timestamps were altered since they were taken.
func (s *Server) checkStamps(ctx context.Context) (problems []string, err error) {
	const some = 500
	for after := int64(-1); ; {
		list, err := s.store.Stamped(ctx, after, some)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			after = c.Size
			if _, err := timestamp.Intact(c.Timestamp, []byte(c.Note)); err != nil {
				problems = append(problems, fmt.Sprintf("the timestamp of the checkpoint of %d entries was altered: %v", c.Size, err))
			}
		}
		if len(list) < some {
			return problems, nil
		}
	}
}

func isNotFound(err error) bool {
	var told *seaworthy.Error
	return errors.As(err, &told) && told.Kind == seaworthy.KindNotFound
}
