// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"strconv"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

// packagesPage is what pages/packages.html needs.
type packagesPage struct {
	page
	Rows  []packageRow
	Last  string // the day until which a package may be as of
	Lists int    // frozen
	Key   string // of the log
}

// packageRow is a package that was sealed.
type packageRow struct {
	audit.MadePackage
	By, Href string
}

func (u *UI) packages(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := packagesPage{page: u.page(r, "Evidence packages", link{"Evidence", "/evidence"})}
	if err := needProgram(p.page); err != nil {
		return err
	}
	p.Key, p.Last = u.LogKey, p.Now.Format(time.DateOnly)
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	all, err := u.Audit.Packages(ctx, p.Program.ID)
	if err != nil {
		return err
	}
	for _, m := range all {
		p.Rows = append(p.Rows, packageRow{m, names.actor(m.Actor), p.To("/log/" + strconv.FormatInt(m.Entry, 10))})
	}
	frozen, err := u.Store.Populations(ctx, p.Program.ID, "", 100)
	if err != nil {
		return err
	}
	p.Lists = len(frozen)
	return u.render(w, r, "packages", p)
}

// Box tells whether a part is to go along: all are, unless a form that was refused says
// otherwise.
func (p packagesPage) Box(name string) bool { return p.form == nil || p.form.Has(name) }

// makePackage sends a package while it is made. What goes wrong before its first byte is
// said on the page; afterwards the answer breaks off, so that nobody takes it for whole.
func (u *UI) makePackage(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	if v.program == nil {
		return seaworthy.Invalid("There is no program yet.")
	}
	if u.Sealer.Signer == nil {
		return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "this server has no key to seal packages with"}
	}
	f := r.PostForm
	request := audit.PackageRequest{Program: v.program.ID, WithoutBytes: !f.Has("bytes"), WithoutLists: !f.Has("lists"), WithoutSamples: !f.Has("samples")}
	asOf, err := dateField(r, "as-of")
	if err != nil {
		return err
	}
	// A day that is not over ends now.
	if now := u.now(); !asOf.IsZero() {
		if request.AsOf = asOf.AddDate(0, 0, 1).Add(-time.Microsecond); request.AsOf.After(now) && !asOf.After(now) {
			request.AsOf = now
		}
	}
	to := &fileAnswer{ResponseWriter: w, name: map[bool]string{true: "example-"}[u.Example] + "evidence-" + v.program.ID + "-" + u.now().Format(time.DateOnly) + ".zip", media: "application/zip"}
	_, err = u.Audit.Export(r.Context(), v.who, request, u.Sealer, to)
	if err != nil && to.begun {
		if r.Context().Err() == nil {
			u.Log.ErrorContext(r.Context(), "a package broke off", "request", requestID(w), "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	return err
}

// fileAnswer is an answer that is a file from its first byte on.
type fileAnswer struct {
	http.ResponseWriter
	name, media string
	begun       bool
}

// Write says what the file is before its first byte.
func (d *fileAnswer) Write(b []byte) (int, error) {
	if !d.begun {
		d.begun = true
		h := d.Header()
		h.Set("Content-Type", d.media)
		h.Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
	}
	return d.ResponseWriter.Write(b)
}
