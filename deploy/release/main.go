// SPDX-License-Identifier: Apache-2.0

// Command release builds what is published: container images without a container engine,
// archives of the program for each platform, the charts, bills of materials, and checksums
// that are signed. The same commit and the same Go give the same bytes on every machine.
//
//	go run . image   [--push NAME:TAG]
//	go run . archive [--key FILE]
//
// It is a module of its own because what it needs is nothing that the product needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("say what to build: image or archive")
	}
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	root := f.String("root", filepath.Join("..", ".."), "`folder` of the checkout")
	dist := f.String("out", "", "`folder` to write to (default: dist of the checkout)")
	push := f.String("push", "", "`name:tag` to push the image to; credentials are those of docker login")
	key := f.String("key", "", "`file` with the OpenSSH private key that signs the checksums")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	if *dist == "" {
		*dist = filepath.Join(*root, "dist")
	}
	p, err := product(ctx, *root)
	if err != nil {
		return err
	}
	switch args[0] {
	case "image":
		return p.writeImage(ctx, filepath.Join(*dist, "image"), *push, out)
	case "archive":
		return p.writeArchives(ctx, filepath.Join(*dist, "release"), *key, out)
	}
	return fmt.Errorf("there is no %q: say image or archive", args[0])
}
