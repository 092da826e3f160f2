// SPDX-License-Identifier: Apache-2.0

package store

// Logged is an entry that a transaction is about to append to the log.
type Logged struct {
	Kind, Subject string
	Content       []byte // JSON; null: the record is gone
}

// tell shows what the transaction logged to who was asked for by [Config.Told].
func (t *Tx) tell() error {
	if t.store.told == nil || len(t.pending) == 0 {
		return nil
	}
	var list []Logged
	for _, p := range t.pending {
		if p.content != nil { // else it was erased
			list = append(list, Logged{p.entry.Kind, p.entry.Subject, p.content})
		}
	}
	return t.store.told(t, list)
}
