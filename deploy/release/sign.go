// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/pem"
	"fmt"
	"os"

	"golang.org/x/crypto/ssh"
)

// signedFor is the namespace of signatures: a signature for something else does not count.
const signedFor = "file"

// sign signs as `ssh-keygen -Y sign -n file` does, so that everybody has the program that
// verifies. The form is OpenSSH's PROTOCOL.sshsig.
func sign(keyFile string, text []byte) ([]byte, error) {
	data, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("read the key that signs: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(data)
	if err != nil {
		return nil, fmt.Errorf("read the key that signs: %w", err)
	}
	if t := signer.PublicKey().Type(); t != ssh.KeyAlgoED25519 {
		return nil, fmt.Errorf("read the key that signs: it is %s, and has to be %s", t, ssh.KeyAlgoED25519)
	}
	sum := sha512.Sum512(text)
	message := ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Sum                       []byte
	}{signedFor, "", "sha512", sum[:]})
	signature, err := signer.Sign(rand.Reader, append([]byte("SSHSIG"), message...))
	if err != nil {
		return nil, fmt.Errorf("sign the checksums: %w", err)
	}
	blob := append([]byte("SSHSIG"), ssh.Marshal(struct {
		Version                   uint32
		Key                       []byte
		Namespace, Reserved, Hash string
		Signature                 []byte
	}{1, signer.PublicKey().Marshal(), signedFor, "", "sha512", ssh.Marshal(signature)})...)
	return pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: blob}), nil
}
