// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/server"
)

func (p *program) backupCommand() *cobra.Command {
	var o serveOptions
	var withKeys bool
	cmd := &cobra.Command{
		Use: "backup FILE", Short: "Copy all that a server keeps, while it runs",
		Long: "Backup writes the database, as it is at one moment, and all blobs of evidence to a tar\n" +
			"file (- is standard output). The server may go on meanwhile.\n\n" +
			"The keys are not in it unless --with-keys asks for them: log.key signs the log, so who has\n" +
			"it and the data can rewrite history; secret.key unseals second factors. Keep a copy of both\n" +
			"apart from the backups. After a restore without log.key the log cannot go on, and without\n" +
			"secret.key people set up their second factors again.\n\n" +
			"A PostgreSQL database is not in the file: dump it with pg_dump first, then run this.\n\n" +
			"Exits with 3 when blobs were altered; they are named, and the rest is in the file.",
		Example: "  seaworthy backup --data /var/lib/seaworthy seaworthy-2026-11-22.tar",
		Args:    oneFile,
		RunE:    func(cmd *cobra.Command, args []string) error { return p.backup(cmd.Context(), &o, args[0], withKeys) },
	}
	o.dataFlags(cmd.Flags())
	cmd.Flags().BoolVar(&withKeys, "with-keys", false, "Put the two keys into the backup as well")
	return cmd
}

func (p *program) restoreCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Bring a backup back, and verify it",
		Long: "Restore writes what 'seaworthy backup' copied into a data folder that holds no database,\n" +
			"and verifies everything against the log: records, events, blobs and checkpoints.\n\n" +
			"With --database it restores the blobs beside a PostgreSQL database that pg_restore brought\n" +
			"back before.\n\n" +
			"A restore that is cut, by a full disk or a backup that ends in the middle, is begun again\n" +
			"with the same command; until one came to its end no server starts on what is there.\n\n" +
			"Exits with 0 when everything is intact, 3 when something was altered or is missing (each is\n" +
			"named), 2 when it is no backup or the folder is in use.",
		Example: "  seaworthy restore --data /var/lib/seaworthy seaworthy-2026-11-22.tar",
		Args:    oneFile,
		RunE:    func(cmd *cobra.Command, args []string) error { return p.restore(cmd.Context(), &o, args[0]) },
	}
	o.dataFlags(cmd.Flags())
	return cmd
}

func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%s takes one file, %d were given", cmd.Name(), len(args))}
	}
	return nil
}

func (p *program) backup(ctx context.Context, o *serveOptions, name string, withKeys bool) (err error) {
	if err := o.database(); err != nil {
		return err
	}
	o.Version, o.Log = Version(), slog.New(slog.DiscardHandler)
	out, finish := p.out, func(bool) error { return nil }
	if name != "-" {
		f, err := createReport(name)
		if err != nil {
			return err
		}
		if err := f.Chmod(0o600); err != nil {
			return errors.Join(err, f.finish(true))
		}
		out, finish = f, f.finish
	}
	w := bufio.NewWriterSize(out, 1<<20)
	m, err := server.Backup(ctx, o.Config, withKeys, w)
	err = errors.Join(err, w.Flush())
	if err = errors.Join(err, finish(err != nil)); err != nil {
		return err
	}
	p.tellBackup(name, m)
	return nil
}

// tellBackup says what is in the file, and what is not.
func (p *program) tellBackup(name string, m server.Manifest) {
	database := "the database"
	if m.Engine != "SQLite" {
		database = "no database (" + m.Engine + ": it is in what pg_dump wrote)"
	}
	p.warn("%s holds %s and %d blobs, at %d entries of the log", name, database, m.Blobs, m.LogSize)
	if m.WithKeys {
		p.warn("it holds the keys: who has it can rewrite history; keep it as you keep a signing key")
	} else {
		p.warn("it holds neither log.key nor secret.key; keep a copy of both elsewhere")
	}
	for _, problem := range m.Problems {
		p.warn("left out: %s", problem)
		p.exit = exitAltered
	}
}

func (p *program) restore(ctx context.Context, o *serveOptions, name string) (err error) {
	if err := o.database(); err != nil {
		return err
	}
	o.Log = slog.New(slog.DiscardHandler)
	var in io.Reader = p.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return seaworthy.Invalid("read the backup: %v", err)
		}
		defer f.Close()
		in = f
	}
	m, result, err := server.Restore(ctx, o.Config, bufio.NewReaderSize(in, 1<<20))
	if err != nil {
		return err
	}
	for _, problem := range result.Problems {
		p.warn("%s", problem)
		p.exit = exitAltered
	}
	if !result.Intact() {
		p.warn("%s was restored to %s, but %d things are not as they were", name, o.Data, len(result.Problems))
		return nil
	}
	_, err = fmt.Fprintf(p.out, "Restored to %s and verified: %d entries of the log, backup of %s.\n", o.Data, result.Size, m.MadeAt.Format("2006-01-02 15:04:05 UTC"))
	if !m.WithKeys {
		p.warn("put log.key and secret.key into %s before the server starts", o.Data)
	}
	return err
}
