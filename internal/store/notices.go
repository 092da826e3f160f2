// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var destinations = records[seaworthy.Destination]{
	kind: "destination", table: "destinations", key: []string{"id"}, columns: []string{"id"},
	values:  func(d *seaworthy.Destination) []any { return []any{d.ID} },
	subject: func(d *seaworthy.Destination) string { return d.ID },
}

var noticeRules = records[seaworthy.NoticeRule]{
	kind: "notice-rule", table: "notice_rules", key: []string{"id"}, columns: []string{"id"},
	values:  func(r *seaworthy.NoticeRule) []any { return []any{r.ID} },
	subject: func(r *seaworthy.NoticeRule) string { return r.ID },
}

var deliveries = records[seaworthy.Delivery]{
	kind: "delivery", table: "deliveries", key: []string{"id"}, columns: []string{"id", "destination_id", "state", "next_at"},
	values: func(d *seaworthy.Delivery) []any {
		return []any{d.ID, d.DestinationID, d.State, micros(d.NextAt)}
	},
	subject: func(d *seaworthy.Delivery) string { return d.ID },
}

// PutDestination writes a destination. Its secret is kept apart.
func (t *Tx) PutDestination(d *seaworthy.Destination) error { return destinations.put(t, d) }

// PutDestinationSecret keeps what a destination needs that nobody may see, sealed.
func (t *Tx) PutDestinationSecret(id string, sealed []byte) error {
	return t.exec(`INSERT INTO destination_secrets (destination_id, sealed) VALUES ($1, $2)
		ON CONFLICT (destination_id) DO UPDATE SET sealed = excluded.sealed`, id, sealed)
}

// DropDestinationSecret forgets a secret.
func (t *Tx) DropDestinationSecret(id string) error {
	return t.exec(`DELETE FROM destination_secrets WHERE destination_id = $1`, id)
}

// DestinationSecret gives the sealed secret of a destination; nil for none.
func (s *Store) DestinationSecret(ctx context.Context, id string) ([]byte, error) {
	var sealed []byte
	err := s.read.QueryRowContext(ctx, `SELECT sealed FROM destination_secrets WHERE destination_id = $1`, id).Scan(&sealed)
	if none(err) {
		return nil, nil
	}
	return sealed, s.dialect.explain(err)
}

// DestinationSecret gives the same as the transaction sees it.
func (t *Tx) DestinationSecret(id string) ([]byte, error) {
	var sealed []byte
	err := t.tx.QueryRowContext(t.ctx, `SELECT sealed FROM destination_secrets WHERE destination_id = $1`, id).Scan(&sealed)
	if none(err) {
		return nil, nil
	}
	return sealed, err
}

// Destination gives a destination by its id, also one that was removed.
func (s *Store) Destination(ctx context.Context, id string) (seaworthy.Destination, error) {
	return destinations.one(ctx, s, s.read, id, byID(id))
}

// Destination gives a destination inside the write, and keeps others from changing it.
func (t *Tx) Destination(id string) (seaworthy.Destination, error) {
	return destinations.locked(t, id, byID(id))
}

// Destinations lists all destinations by name, also those that were removed.
func (s *Store) Destinations(ctx context.Context) ([]seaworthy.Destination, error) {
	return destinationsOf(destinations.list(ctx, s, s.read, where{}, ""))
}

// Destinations lists the same as the transaction sees it.
func (t *Tx) Destinations() ([]seaworthy.Destination, error) {
	return destinationsOf(destinations.list(t.ctx, t.store, t.tx, where{}, ""))
}

func destinationsOf(list []seaworthy.Destination, err error) ([]seaworthy.Destination, error) {
	slices.SortFunc(list, func(a, b seaworthy.Destination) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return list, err
}

// PutNoticeRule writes a rule, DropNoticeRule removes one.
func (t *Tx) PutNoticeRule(r *seaworthy.NoticeRule) error { return noticeRules.put(t, r) }

// DropNoticeRule removes a rule.
func (t *Tx) DropNoticeRule(r *seaworthy.NoticeRule) error { return noticeRules.drop(t, r) }

// NoticeRule gives a rule inside the write, and keeps others from changing it.
func (t *Tx) NoticeRule(id string) (seaworthy.NoticeRule, error) {
	return noticeRules.locked(t, id, byID(id))
}

// NoticeRule gives a rule by its id.
func (s *Store) NoticeRule(ctx context.Context, id string) (seaworthy.NoticeRule, error) {
	return noticeRules.one(ctx, s, s.read, id, byID(id))
}

// NoticeRules lists all rules, oldest first.
func (s *Store) NoticeRules(ctx context.Context) ([]seaworthy.NoticeRule, error) {
	return noticeRules.list(ctx, s, s.read, where{}, "ORDER BY id")
}

// NoticeRules lists the same as the transaction sees it.
func (t *Tx) NoticeRules() ([]seaworthy.NoticeRule, error) {
	return noticeRules.list(t.ctx, t.store, t.tx, where{}, "ORDER BY id")
}

// PutDelivery writes a delivery and what came of it so far.
func (t *Tx) PutDelivery(d *seaworthy.Delivery) error { return deliveries.put(t, d) }

// Delivery gives a delivery by its id.
func (s *Store) Delivery(ctx context.Context, id string) (seaworthy.Delivery, error) {
	return deliveries.one(ctx, s, s.read, id, byID(id))
}

// Delivery gives a delivery inside the write, and keeps others from changing it.
func (t *Tx) Delivery(id string) (seaworthy.Delivery, error) {
	return deliveries.locked(t, id, byID(id))
}

// PendingDeliveries lists the deliveries to a destination that are still to go, oldest
// first.
func (s *Store) PendingDeliveries(ctx context.Context, destination string, n int) ([]seaworthy.Delivery, error) {
	w := where{}
	w.add("destination_id = ?", destination)
	w.add("state = ?", seaworthy.DeliveryPending)
	return deliveries.list(ctx, s, s.read, w, "ORDER BY id LIMIT "+w.arg(limit(n)))
}

// HastenDeliveries has the deliveries to a destination that are still to go be tried now.
func (t *Tx) HastenDeliveries(destination string) error {
	w := where{}
	w.add("destination_id = ?", destination)
	w.add("state = ?", seaworthy.DeliveryPending)
	w.add("next_at > ?", micros(t.At))
	list, err := deliveries.list(t.ctx, t.store, t.tx, w, "ORDER BY id LIMIT 1000"+t.store.dialect.forUpdate)
	for i := range list {
		list[i].NextAt = t.At
		err = errors.Join(err, t.PutDelivery(&list[i]))
	}
	return err
}

// DeliveryFilter narrows a list of deliveries; empty fields do not.
type DeliveryFilter struct {
	Destination, State, Cursor string
	Limit                      int
}

// Deliveries lists deliveries, newest first.
func (s *Store) Deliveries(ctx context.Context, f DeliveryFilter) (Page[seaworthy.Delivery], error) {
	w := where{}
	w.equal("destination_id", f.Destination)
	w.equal("state", f.State)
	if f.Cursor != "" {
		w.add("id < ?", f.Cursor)
	}
	n := limit(f.Limit)
	list, err := deliveries.list(ctx, s, s.read, w, "ORDER BY id DESC LIMIT "+w.arg(n+1))
	return page(list, n, func(d seaworthy.Delivery) string { return d.ID }), err
}

// DestinationState is how a destination does.
type DestinationState struct {
	DestinationID string    `json:"-"`
	FailingSince  time.Time `json:"failingSince,omitzero" doc:"Absent while it takes what it is sent."`
	NextAt        time.Time `json:"nextAt,omitzero" doc:"When it is tried again."`
	Error         string    `json:"error,omitempty"`
	Waiting       int       `json:"waiting" doc:"Notices that wait for it, or for their hour."`
}

// PutDestinationState notes how a destination does. It is no part of the log: deliveries
// are.
func (t *Tx) PutDestinationState(v DestinationState) error {
	return t.exec(`INSERT INTO destination_states (destination_id, failing_since, next_at, error) VALUES ($1, $2, $3, $4)
		ON CONFLICT (destination_id) DO UPDATE SET failing_since = excluded.failing_since, next_at = excluded.next_at, error = excluded.error`,
		v.DestinationID, micros(v.FailingSince), micros(v.NextAt), v.Error)
}

// DestinationState gives how a destination does, as the transaction sees it, without what
// waits.
func (t *Tx) DestinationState(id string) (DestinationState, error) {
	v := DestinationState{DestinationID: id}
	var since, next int64
	err := t.tx.QueryRowContext(t.ctx, `SELECT failing_since, next_at, error FROM destination_states WHERE destination_id = $1`, id).Scan(&since, &next, &v.Error)
	if none(err) {
		return v, nil
	}
	v.FailingSince, v.NextAt = moment(since), moment(next)
	return v, err
}

// DestinationStates tells how the destinations do, those of which anything is to be told.
func (s *Store) DestinationStates(ctx context.Context) (map[string]DestinationState, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT ids.id, COALESCE(d.failing_since, 0), COALESCE(d.next_at, 0), COALESCE(d.error, ''), COALESCE(q.n, 0)
		FROM (SELECT destination_id AS id FROM destination_states UNION SELECT destination_id FROM notice_queue) ids
		LEFT JOIN destination_states d ON d.destination_id = ids.id
		LEFT JOIN (SELECT destination_id, COUNT(*) AS n FROM notice_queue GROUP BY destination_id) q ON q.destination_id = ids.id`)
	list, err := collect(s, rows, err, func(row interface{ Scan(...any) error }) (DestinationState, error) {
		var v DestinationState
		var since, next int64
		err := row.Scan(&v.DestinationID, &since, &next, &v.Error, &v.Waiting)
		v.FailingSince, v.NextAt = moment(since), moment(next)
		return v, err
	})
	out := make(map[string]DestinationState, len(list))
	for _, v := range list {
		out[v.DestinationID] = v
	}
	return out, err
}

// ThreadOf gives what a destination called the first message about a thing; empty for
// none.
func (s *Store) ThreadOf(ctx context.Context, destination, thread string) (reference string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT reference FROM notice_threads WHERE destination_id = $1 AND thread = $2`, destination, thread).Scan(&reference)
	if none(err) {
		return "", nil
	}
	return reference, s.dialect.explain(err)
}

// PutThread notes what a destination called the first message about a thing.
func (t *Tx) PutThread(destination, thread, reference string) error {
	return t.exec(`INSERT INTO notice_threads (destination_id, thread, reference, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (destination_id, thread) DO NOTHING`, destination, thread, reference, micros(t.At))
}
