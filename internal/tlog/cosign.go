// SPDX-License-Identifier: Apache-2.0

package tlog

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// cosignatureType is the signature type of c2sp.org/tlog-cosignature for Ed25519.
const cosignatureType = 0x04

// GenerateCosigner makes the keys of a witness, as GenerateKey does for a log.
func GenerateCosigner(name string) (private, public string, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	hash := cosignerHash(name, pub)
	body := append([]byte{cosignatureType}, pub...)
	public = fmt.Sprintf("%s+%08x+%s", name, hash, base64.StdEncoding.EncodeToString(body))
	seed := append([]byte{cosignatureType}, priv.Seed()...)
	private = fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, hash, base64.StdEncoding.EncodeToString(seed))
	return private, public, nil
}

func cosignerHash(name string, public ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{cosignatureType})
	h.Write(public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// ParseKey reads a public key of a log (Ed25519) or of a witness (Ed25519 with a time).
func ParseKey(key string) (note.Verifier, error) {
	name, hash, body, err := splitKey(key)
	if err != nil {
		return nil, err
	}
	if len(body) != 1+ed25519.PublicKeySize || body[0] != cosignatureType {
		return note.NewVerifier(key)
	}
	c := Cosigner{name: name, public: ed25519.PublicKey(body[1:])}
	if c.KeyHash() != hash {
		return nil, fmt.Errorf("the hash in the key is not that of the key")
	}
	return c, nil
}

// ParseCosigner reads the private key of a witness. now is its clock.
func ParseCosigner(key string, now func() time.Time) (*SigningCosigner, error) {
	name, hash, body, err := splitKey(strings.TrimPrefix(key, "PRIVATE+KEY+"))
	if err != nil || !strings.HasPrefix(key, "PRIVATE+KEY+") || len(body) != 1+ed25519.SeedSize || body[0] != cosignatureType {
		return nil, fmt.Errorf("this is no private key of a witness")
	}
	private := ed25519.NewKeyFromSeed(body[1:])
	s := &SigningCosigner{Cosigner{name: name, public: private.Public().(ed25519.PublicKey)}, private, now}
	if s.KeyHash() != hash {
		return nil, fmt.Errorf("the hash in the key is not that of the key")
	}
	return s, nil
}

// splitKey takes name+hash+base64 apart.
func splitKey(key string) (name string, hash uint32, body []byte, err error) {
	name, rest, ok := strings.Cut(key, "+")
	digits, encoded, ok2 := strings.Cut(rest, "+")
	h, err := hex.DecodeString(digits)
	if !ok || !ok2 || err != nil || len(h) != 4 || name == "" {
		return "", 0, nil, fmt.Errorf("a key has the form name+hash+base64")
	}
	if body, err = base64.StdEncoding.DecodeString(encoded); err != nil {
		return "", 0, nil, fmt.Errorf("a key has the form name+hash+base64: %w", err)
	}
	return name, binary.BigEndian.Uint32(h), body, nil
}

// Cosigner verifies what a witness signed: note.Verifier.
type Cosigner struct {
	name   string
	public ed25519.PublicKey
}

// Name is the witness's name.
func (c Cosigner) Name() string { return c.name }

// KeyHash is the witness's key hash.
func (c Cosigner) KeyHash() uint32 { return cosignerHash(c.name, c.public) }

// Verify tells whether sig is the witness's over the text.
func (c Cosigner) Verify(text, sig []byte) bool {
	return len(sig) == 8+ed25519.SignatureSize && ed25519.Verify(c.public, cosigned(binary.BigEndian.Uint64(sig), text), sig[8:])
}

// SignedAt is the time in a signature of a witness, by its clock.
func SignedAt(s note.Signature) (time.Time, error) {
	data, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || len(data) != 4+8+ed25519.SignatureSize {
		return time.Time{}, fmt.Errorf("this is no cosignature with a time")
	}
	return time.Unix(int64(binary.BigEndian.Uint64(data[4:])), 0).UTC(), nil
}

// cosigned is what a witness signs: the checkpoint's text and a time.
func cosigned(unix uint64, text []byte) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", unix, text)
}

// SigningCosigner signs as a witness: note.Signer.
type SigningCosigner struct {
	Cosigner
	private ed25519.PrivateKey
	now     func() time.Time
}

// Sign signs a checkpoint's text with the present time.
func (s *SigningCosigner) Sign(text []byte) ([]byte, error) {
	unix := uint64(s.now().Unix())
	return append(binary.BigEndian.AppendUint64(nil, unix), ed25519.Sign(s.private, cosigned(unix, text))...), nil
}

// Line is the signature's line in a note.
func (s *SigningCosigner) Line(text string) (string, error) {
	signed, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(string(signed), text+"\n"), nil
}
