// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// bom is a bill of materials as CycloneDX 1.6 has it.
type bom struct {
	Schema       string      `json:"$schema"`
	Format       string      `json:"bomFormat"`
	Spec         string      `json:"specVersion"`
	Version      int         `json:"version"`
	Metadata     metadata    `json:"metadata"`
	Components   []component `json:"components"`
	Dependencies []depends   `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []digest   `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type digest struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type depends struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// materials lists what a binary is made of, as the binary itself says: its modules, each
// with the checksum by which Go knows it, and the standard library.
func materials(binary []byte, name string, at time.Time) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, fmt.Errorf("read what the binary is made of: %w", err)
	}
	sum := sha256.Sum256(binary)
	main := component{
		Type: "application", Ref: purl(info.Main.Path, info.Main.Version), Name: name, Version: info.Main.Version,
		PURL: purl(info.Main.Path, info.Main.Version), Hashes: []digest{{"SHA-256", hex.EncodeToString(sum[:])}},
	}
	out := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata:   metadata{at.Format(time.RFC3339), main},
		Components: []component{{Type: "library", Ref: purl("stdlib", info.GoVersion), Name: "stdlib", Version: info.GoVersion, PURL: purl("stdlib", info.GoVersion)}},
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := component{Type: "library", Ref: purl(m.Path, m.Version), Name: m.Path, Version: m.Version, PURL: purl(m.Path, m.Version)}
		if m.Sum != "" {
			c.Properties = []property{{"go:sum", m.Sum}}
			if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil {
				c.Hashes = []digest{{"SHA-256", hex.EncodeToString(raw)}}
			}
		}
		out.Components = append(out.Components, c)
	}
	on := depends{Ref: main.Ref}
	for _, c := range out.Components {
		on.On = append(on.On, c.Ref)
	}
	out.Dependencies = []depends{on}
	text, err := json.MarshalIndent(out, "", "  ")
	return append(text, '\n'), err
}

// purl names a Go module as package URLs do.
func purl(path, version string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	out := "pkg:golang/" + strings.Join(parts, "/")
	if version != "" {
		out += "@" + url.PathEscape(version)
	}
	return out
}
