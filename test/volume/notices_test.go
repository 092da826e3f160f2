// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// messages is how many were delivered in the half year.
const messages = 20_000

// notices has messages go to two destinations, as they did through the half year. A
// database that an earlier run left without them gets them too.
func (s *site) notices() {
	s.t.Helper()
	st := s.server.Store()
	if all, err := st.Destinations(s.t.Context()); err != nil || len(all) > 0 {
		s.must(err)
		return
	}
	s.must(st.Write(s.t.Context(), s.owner.Actor, func(tx *store.Tx) error {
		for i := range 2 {
			// Switched off: nothing is to go out while reading is measured.
			d := seaworthy.Destination{ID: fmt.Sprintf("place-%d", i), Name: fmt.Sprintf("Place %d", i), Kind: seaworthy.DestinationWebhook, URL: "https://example.com/hook", Disabled: true, CreatedAt: tx.At}
			if err := tx.PutDestination(&d); err != nil {
				return err
			}
		}
		for i := range 20 {
			r := seaworthy.NoticeRule{ID: fmt.Sprintf("sends-%02d", i), Name: fmt.Sprintf("Rule %d", i), Teams: []string{teamID(i)}, Destinations: []string{"place-0", "place-1"}, CreatedAt: tx.At}
			if err := tx.PutNoticeRule(&r); err != nil {
				return err
			}
		}
		return nil
	}))
	for from := 0; from < messages; from += 1000 {
		s.must(st.Write(s.t.Context(), "system", func(tx *store.Tx) error {
			for i := from; i < from+1000; i++ {
				at := s.now.Add(-time.Duration(messages-i) * 10 * time.Minute)
				n := store.OutgoingNotice{Notice: seaworthy.Notice{ID: store.NewID(at), Kind: seaworthy.NoticeFinding, At: at, Title: fmt.Sprintf("%d findings opened", i), SourceID: sourceID(i % clusters)}}
				d := seaworthy.Delivery{
					ID: store.NewID(at), DestinationID: fmt.Sprintf("place-%d", i%2), RuleID: "sends-00", NoticeIDs: []string{n.ID}, Title: n.Title, State: seaworthy.DeliveryDelivered,
					CreatedAt: at, Attempts: 1, DeliveredAt: at.Add(time.Second),
				}
				if i%500 == 0 {
					d.State, d.DeliveredAt, d.Error = seaworthy.DeliveryFailed, time.Time{}, "it answered 404 Not Found"
				}
				if err := tx.AddNotices([]store.OutgoingNotice{n}); err != nil {
					return err
				}
				if err := tx.QueueNotices(nil, []string{n.ID}); err != nil {
					return err
				}
				if err := tx.PutDelivery(&d); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}
