// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
)

// Whatever is sent as messages, what comes out was signed, is of one instance, within
// bounds, in order and each once.
func FuzzReadMessages(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	agent := &seaworthy.Agent{ID: "a", PublicKey: base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))}
	var lines []byte
	for i, kind := range []string{seaworthy.MessageObservations, seaworthy.MessageGap, seaworthy.MessageDelta} {
		m := seaworthy.AgentMessage{Instance: "i", Stream: seaworthy.StreamChanges, Sequence: uint64(9 - i), At: time.Unix(1, 0), Kind: kind, Body: json.RawMessage(`[{"by":"watch"}]`)}
		if kind == seaworthy.MessageDelta {
			m.Stream = seaworthy.StreamFindings
		}
		m.Sign(agent.ID, key)
		line, err := json.Marshal(&m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
		lines = append(append(lines, line...), '\n')
	}
	f.Add(lines)
	f.Add(append(lines, lines...))
	f.Add(bytes.ReplaceAll(lines, []byte("watch"), []byte("Watch")))
	for _, text := range []string{"", "\n\n", "{}", "null", "[]", `{"instance":"i","sequence":-1}`, `{"sequence":1e99}`, `{"body":{`, "\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		streams, err := readMessages(bytes.NewReader(body), agent)
		if err != nil {
			if kind := kindOf(err); kind != seaworthy.KindInvalid {
				t.Fatalf("%v is of kind %v", err, kind)
			}
			return
		}
		n, instance := 0, ""
		for stream, list := range streams {
			for i, m := range list {
				if n++; n > client.MaxMessages || !m.SignedBy(agent) || m.Stream != stream || m.Sequence == 0 {
					t.Fatalf("message %d: %+v", n, m)
				}
				if n > 1 && m.Instance != instance || i > 0 && list[i-1].Sequence >= m.Sequence {
					t.Fatalf("message %d of %s follows on %d of %s", m.Sequence, m.Instance, list[i-1].Sequence, instance)
				}
				instance = m.Instance
				if _, err := observations(m.Body, time.Now()); err != nil && kindOf(err) != seaworthy.KindInvalid {
					t.Fatalf("observations: %v", err)
				}
			}
		}
	})
}

func TestReadMessages(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(nil)
	agent := &seaworthy.Agent{ID: "a", PublicKey: base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))}
	var lines bytes.Buffer
	for _, n := range []uint64{3, 1, 2, 3, 1} {
		m := seaworthy.AgentMessage{Instance: "i", Stream: seaworthy.StreamChanges, Sequence: n, At: time.Now(), Kind: seaworthy.MessageGap, Body: json.RawMessage(`{"a":"\u003c"}`)}
		m.Sign(agent.ID, key)
		if n == 2 { // as others separate lines
			lines.WriteString("\r\n\n")
		}
		if err := json.NewEncoder(&lines).Encode(&m); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readMessages(&lines, agent)
	if err != nil {
		t.Fatal(err)
	}
	if list := got[seaworthy.StreamChanges]; len(got) != 1 || len(list) != 3 || list[0].Sequence != 1 || list[2].Sequence != 3 {
		t.Errorf("got %+v", got)
	}
	big := append(append([]byte(`{"body":"`), bytes.Repeat([]byte("x"), client.MaxMessageBytes)...), `"}`...)
	if _, err := readMessages(bytes.NewReader(big), agent); kindOf(err) != seaworthy.KindInvalid {
		t.Errorf("a message that is too large: %v", err)
	}
}
