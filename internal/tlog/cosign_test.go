// SPDX-License-Identifier: Apache-2.0

package tlog_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

func TestAWitnessSignsWithItsTime(t *testing.T) {
	private, public, err := tlog.GenerateCosigner("witness.example")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	signer, err := tlog.ParseCosigner(private, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := tlog.ParseKey(public)
	if err != nil {
		t.Fatal(err)
	}
	text := tlog.Checkpoint{Origin: "log.example", Size: 3, Root: tlog.RecordHash(nil)}.Text()
	line, err := signer.Line(text)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(text+"\n"+line), note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tlog.SignedAt(n.Sigs[0]); err != nil || !got.Equal(at) {
		t.Errorf("SignedAt = %v, %v, want %v", got, err, at)
	}
	if _, err := note.Open([]byte(strings.Replace(text, "3", "4", 1)+"\n"+line), note.VerifierList(verifier)); err == nil {
		t.Error("the signature verifies another checkpoint")
	}
}

func TestKeysThatAreNone(t *testing.T) {
	private, public, err := tlog.GenerateCosigner("w")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", "w", "w+1+x", "w+00000000+" + strings.SplitN(public, "+", 3)[2], private, "+00000000+AA=="} {
		if v, err := tlog.ParseKey(key); err == nil {
			t.Errorf("ParseKey(%q) = %v", key, v.Name())
		}
	}
	for _, key := range []string{"", public, strings.Replace(private, "PRIVATE+KEY+w", "PRIVATE+KEY+v", 1)} {
		if _, err := tlog.ParseCosigner(key, time.Now); err == nil {
			t.Errorf("ParseCosigner(%q) takes it", key)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	_, public, err := tlog.GenerateCosigner("w")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(public)
	f.Add("log.example+aabbccdd+AQ==")
	f.Fuzz(func(t *testing.T, key string) {
		if v, err := tlog.ParseKey(key); err == nil && !strings.HasPrefix(key, v.Name()+"+") {
			t.Errorf("ParseKey(%q) is called %q", key, v.Name())
		}
	})
}
