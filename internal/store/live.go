// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Hole is messages of a stream that did not come, from and to among them.
type Hole struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	Gap  string `json:"gap"` // id of the gap that tells of them
}

// AgentStream is how far the messages of one stream of an instance were taken.
type AgentStream struct {
	AgentID, Instance, Stream string
	// Taken: all up to this were, but for the holes.
	Taken     uint64
	MessageAt time.Time // of the latest message, by the agent's clock
	TakenAt   time.Time
	Holes     []Hole
}

const streamColumns = `agent_id, instance, stream, taken, message_at, taken_at, holes`

func scanStream(row interface{ Scan(...any) error }) (AgentStream, error) {
	var v AgentStream
	var taken, message, at int64
	var holes string
	if err := row.Scan(&v.AgentID, &v.Instance, &v.Stream, &taken, &message, &at, &holes); err != nil {
		return v, err
	}
	v.Taken, v.MessageAt, v.TakenAt = uint64(taken), moment(message), moment(at)
	if err := json.Unmarshal([]byte(holes), &v.Holes); err != nil {
		return v, fmt.Errorf("read the stream of an agent: %w", err)
	}
	return v, nil
}

func (v *AgentStream) values() ([]any, error) {
	holes := []byte("[]")
	if len(v.Holes) > 0 {
		var err error
		if holes, err = json.Marshal(v.Holes); err != nil {
			return nil, fmt.Errorf("write the stream of an agent: %w", err)
		}
	}
	return []any{v.AgentID, v.Instance, v.Stream, int64(v.Taken), micros(v.MessageAt), micros(v.TakenAt), string(holes)}, nil
}

// LockStream gives a stream of an agent, and keeps others from taking its messages until
// the transaction ends. One of which nothing was taken has taken 0.
func (t *Tx) LockStream(agent, instance, stream string) (AgentStream, error) {
	empty := AgentStream{AgentID: agent, Instance: instance, Stream: stream}
	row, err := empty.values()
	if err != nil {
		return empty, err
	}
	if err := t.insert(`INSERT INTO agent_streams (`+streamColumns+`)`, `ON CONFLICT (agent_id, instance, stream) DO NOTHING`, [][]any{row}); err != nil {
		return empty, err
	}
	return scanStream(t.tx.QueryRowContext(t.ctx, `SELECT `+streamColumns+` FROM agent_streams
		WHERE agent_id = $1 AND instance = $2 AND stream = $3`+t.store.dialect.forUpdate, agent, instance, stream))
}

// PutStream writes a stream that was locked.
func (t *Tx) PutStream(v *AgentStream) error {
	row, err := v.values()
	if err != nil {
		return err
	}
	return t.insert(`INSERT INTO agent_streams (`+streamColumns+`)`, `ON CONFLICT (agent_id, instance, stream) DO UPDATE SET
		taken = excluded.taken, message_at = excluded.message_at, taken_at = excluded.taken_at, holes = excluded.holes`, [][]any{row})
}

// AgentStreams lists the streams of an agent.
func (s *Store) AgentStreams(ctx context.Context, agent string) ([]AgentStream, error) {
	return s.agentStreams(ctx, s.read, agent)
}

// AgentStreams lists the streams of an agent as the transaction sees them.
func (t *Tx) AgentStreams(agent string) ([]AgentStream, error) {
	return t.store.agentStreams(t.ctx, t.tx, agent)
}

func (s *Store) agentStreams(ctx context.Context, q querier, agent string) ([]AgentStream, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+streamColumns+` FROM agent_streams WHERE agent_id = $1 ORDER BY instance, stream`, agent)
	return collect(s, rows, err, scanStream)
}

// AgentInstance is what an instance of an agent last said of itself.
type AgentInstance struct {
	AgentID    string
	SourceID   string
	ReceivedAt time.Time
	// Lost: it did not come back, and a gap tells of what it had waiting.
	Lost bool
	Beat seaworthy.Heartbeat
}

const instanceColumns = `agent_id, instance, source_id, received_at, lost, beat`

func scanInstance(row interface{ Scan(...any) error }) (AgentInstance, error) {
	var v AgentInstance
	var received int64
	var beat string
	if err := row.Scan(&v.AgentID, &v.Beat.Instance, &v.SourceID, &received, &v.Lost, &beat); err != nil {
		return v, err
	}
	v.ReceivedAt = moment(received)
	if err := json.Unmarshal([]byte(beat), &v.Beat); err != nil {
		return v, fmt.Errorf("read a heartbeat: %w", err)
	}
	return v, nil
}

// PutInstance writes what an instance last said.
func (t *Tx) PutInstance(v *AgentInstance) error {
	beat, err := json.Marshal(v.Beat)
	if err != nil {
		return fmt.Errorf("write a heartbeat: %w", err)
	}
	return t.insert(`INSERT INTO agent_instances (`+instanceColumns+`)`, `ON CONFLICT (agent_id, instance) DO UPDATE SET
		source_id = excluded.source_id, received_at = excluded.received_at, lost = excluded.lost, beat = excluded.beat`,
		[][]any{{v.AgentID, v.Beat.Instance, v.SourceID, micros(v.ReceivedAt), v.Lost, string(beat)}})
}

// AgentInstances lists what the instances of a source's agents last said, the latest
// first.
func (s *Store) AgentInstances(ctx context.Context, source string) ([]AgentInstance, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+instanceColumns+` FROM agent_instances WHERE source_id = $1
		ORDER BY received_at DESC, instance LIMIT 100`, source)
	return collect(s, rows, err, scanInstance)
}

// SilentInstances lists instances that were not heard of since, and of which no gap tells.
func (t *Tx) SilentInstances(since time.Time) ([]AgentInstance, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT `+instanceColumns+` FROM agent_instances WHERE received_at < $1 AND lost = $2
		ORDER BY received_at, agent_id, instance LIMIT 1000`, micros(since), false)
	return collect(t.store, rows, err, scanInstance)
}

// InstancesOf lists what the instances of an agent last said, as the transaction sees them:
// those that were heard of last.
func (t *Tx) InstancesOf(agent string) ([]AgentInstance, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT `+instanceColumns+` FROM agent_instances WHERE agent_id = $1
		ORDER BY received_at DESC, instance LIMIT 100`, agent)
	return collect(t.store, rows, err, scanInstance)
}

// ForgetInstances forgets instances that were not heard of since, and how far their
// messages were taken.
func (t *Tx) ForgetInstances(since time.Time) error {
	if err := t.exec(`DELETE FROM agent_streams WHERE taken_at < $1 AND NOT EXISTS (SELECT 1 FROM agent_instances i
		WHERE i.agent_id = agent_streams.agent_id AND i.instance = agent_streams.instance AND i.received_at >= $1)`, micros(since)); err != nil {
		return err
	}
	return t.exec(`DELETE FROM agent_instances WHERE received_at < $1`, micros(since))
}

// LiveSource is what agents keep current of a source.
type LiveSource struct {
	SourceID  string
	BeatAt    time.Time // of the latest heartbeat
	WatchedAt time.Time // of the latest heartbeat of a leader that watched
	Drifted   bool      // deltas came since the latest report
	WantedAt  time.Time // since when a whole report is asked for; zero: none is
}

const liveColumns = `source_id, beat_at, watched_at, drifted, wanted_at`

func (v *LiveSource) values() []any {
	return []any{v.SourceID, micros(v.BeatAt), micros(v.WatchedAt), v.Drifted, micros(v.WantedAt)}
}

func scanLive(row interface{ Scan(...any) error }) (LiveSource, error) {
	var v LiveSource
	var beat, watched, wanted int64
	err := row.Scan(&v.SourceID, &beat, &watched, &v.Drifted, &wanted)
	v.BeatAt, v.WatchedAt, v.WantedAt = moment(beat), moment(watched), moment(wanted)
	return v, err
}

// LockLive gives what agents keep current of a source, and keeps others from it until the
// transaction ends.
func (t *Tx) LockLive(source string) (LiveSource, error) {
	empty := LiveSource{SourceID: source}
	if v, err := t.lockedLive(source); !none(err) {
		return v, err
	}
	err := t.insert(`INSERT INTO live_sources (`+liveColumns+`)`, `ON CONFLICT (source_id) DO NOTHING`, [][]any{empty.values()})
	if err != nil {
		return empty, err
	}
	return t.lockedLive(source)
}

func (t *Tx) lockedLive(source string) (LiveSource, error) {
	return scanLive(t.tx.QueryRowContext(t.ctx, `SELECT `+liveColumns+` FROM live_sources WHERE source_id = $1`+t.store.dialect.forUpdate, source))
}

// PutLive writes what was locked.
func (t *Tx) PutLive(v *LiveSource) error {
	return t.insert(`INSERT INTO live_sources (`+liveColumns+`)`, `ON CONFLICT (source_id) DO UPDATE SET beat_at = excluded.beat_at,
		watched_at = excluded.watched_at, drifted = excluded.drifted, wanted_at = excluded.wanted_at`, [][]any{v.values()})
}

// LiveSources lists what agents keep current.
func (t *Tx) LiveSources() ([]LiveSource, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT `+liveColumns+` FROM live_sources ORDER BY source_id`)
	return collect(t.store, rows, err, scanLive)
}

// LiveSource gives what agents keep current of a source; nothing when there was no agent.
func (s *Store) LiveSource(ctx context.Context, source string) (LiveSource, error) {
	v, err := scanLive(s.read.QueryRowContext(ctx, `SELECT `+liveColumns+` FROM live_sources WHERE source_id = $1`, source))
	if none(err) {
		return LiveSource{SourceID: source}, nil
	}
	return v, s.dialect.explain(err)
}

// SetUnseen notes which findings of a source stand although its latest report did not name
// them.
func (t *Tx) SetUnseen(source string, ids []string) error {
	if err := t.exec(`DELETE FROM unseen_findings WHERE source_id = $1`, source); err != nil {
		return err
	}
	rows := make([][]any, len(ids))
	for i, id := range ids {
		rows[i] = []any{source, id}
	}
	return t.insert(`INSERT INTO unseen_findings (source_id, finding_id)`, `ON CONFLICT (source_id, finding_id) DO NOTHING`, rows)
}

// SeeFindings notes that findings were named.
func (t *Tx) SeeFindings(source string, ids []string) error {
	for len(ids) > 0 {
		n := min(len(ids), 500)
		w := where{}
		w.add("source_id = ?", source)
		w.among("finding_id", ids[:n])
		if err := t.exec(`DELETE FROM unseen_findings`+w.sql(), w.args...); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// SeenFingerprints lists the fingerprints of the findings of a source that stand and that
// its latest report, or what came since, named.
func (t *Tx) SeenFingerprints(source string) ([]string, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT fingerprint FROM findings WHERE source_id = $1 AND status IN ($2, $3)
		AND NOT EXISTS (SELECT 1 FROM unseen_findings u WHERE u.source_id = findings.source_id AND u.finding_id = findings.id)`,
		source, seaworthy.FindingOpen, seaworthy.FindingWaived)
	return collect(t.store, rows, err, func(row interface{ Scan(...any) error }) (p string, err error) { return p, row.Scan(&p) })
}

// Instance gives what an instance last said, as the transaction sees it.
func (t *Tx) Instance(agent, instance string) (AgentInstance, error) {
	v, err := scanInstance(t.tx.QueryRowContext(t.ctx, `SELECT `+instanceColumns+` FROM agent_instances WHERE agent_id = $1 AND instance = $2`, agent, instance))
	if none(err) {
		return v, seaworthy.NotFound("there is no instance %s", instance)
	}
	return v, err
}

// Settle notes that a whole report says what is at fault, and tells whether deltas had come
// since the one before.
func (t *Tx) Settle(source string) (drifted bool, err error) {
	done, err := t.tx.ExecContext(t.ctx, `UPDATE live_sources SET drifted = $1 WHERE source_id = $2 AND drifted = $3`, false, source, true)
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n > 0, err
}
