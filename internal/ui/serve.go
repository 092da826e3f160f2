// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
)

// formLimit bounds a form that is no upload.
const formLimit = 1 << 20

// mux makes the routes into a handler. A form from another site is refused before
// anything else is looked at.
func (u *UI) mux() http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /static/{digest}/{file}", u.static)
	for _, rt := range u.routes {
		m.Handle(rt.method+" "+rt.pattern, u.serve(rt))
	}
	m.Handle("/", u.serve(route{action: seaworthy.OwnAccount, handle: func(http.ResponseWriter, *http.Request) error {
		return seaworthy.NotFound("no page has this address; it may have moved, or the link may be cut off")
	}}))
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.fail(w, r, seaworthy.Forbidden("this form was sent from another site; open the page here and send it again"))
	}))
	protected := own.Handler(m)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		protected.ServeHTTP(w, r)
	})
}

// serve runs a route: who asks, may they, through which program, and then its handler.
func (u *UI) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestID(w)
		v := &visit{}
		r = withVisit(r, v)
		err := readable(r.URL.Path, r.URL.Query())
		if err == nil {
			err = u.enter(rt, v, r)
		}
		if err == nil && rt.method == http.MethodPost {
			err = readForm(w, r)
		} else if err == nil {
			v.flash = u.takeFlash(w, r)
		}
		if err == nil {
			err = rt.handle(w, r)
		}
		if errors.Is(err, errNoProgram) {
			err = u.render(w, r, "no-program", u.page(r, "No program yet"))
		}
		if err != nil && rt.again != nil && u.showAgain(w, r, rt, v, err) {
			return
		}
		if err != nil {
			u.fail(w, r, err)
		}
	})
}

// readable refuses what databases and people cannot read: text that is no UTF-8, or NUL.
func readable(path string, values url.Values) error {
	texts := []string{path}
	for k, v := range values {
		texts = append(append(texts, k), v...)
	}
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return seaworthy.Invalid("a text holds NUL or what is no UTF-8")
		}
	}
	return nil
}

// enter finds out who asks and through which program, and whether they may.
func (u *UI) enter(rt route, v *visit, r *http.Request) error {
	who, err := u.Auth.FromRequest(r.Context(), r)
	if err != nil {
		var known *seaworthy.Error
		if rt.action == public && errors.As(err, &known) && known.Kind == seaworthy.KindUnauthenticated {
			return nil
		}
		return err
	}
	v.who = who
	if rt.action == public {
		return nil
	}
	if !who.Can(rt.action) {
		return seaworthy.Forbidden("the role %s may not do this (%s); an owner can change roles under People & teams", roleTitle(who.Role), rt.action)
	}
	programs, err := u.Store.Programs(r.Context())
	if err != nil {
		return err
	}
	v.asked.program, v.asked.scope = asked(r, "program"), asked(r, "scope")
	if err := v.choose(programs, v.asked.program); err != nil {
		return err
	}
	return u.narrow(r.Context(), v, v.asked.scope)
}

// readForm parses a form of bounded size. Uploads are read by their own handlers.
func readForm(w http.ResponseWriter, r *http.Request) error {
	if isUpload(r) {
		return nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return seaworthy.Invalid("the form is larger than %s", size(formLimit))
		}
		return seaworthy.Invalid("the form could not be read: %v", err)
	}
	return readable("", r.PostForm)
}

// showAgain shows a form that was refused with what was wrong and what was entered. It
// is false for trouble that no other entry would mend.
func (u *UI) showAgain(w http.ResponseWriter, r *http.Request, rt route, v *visit, err error) bool {
	var known *seaworthy.Error
	if !errors.As(err, &known) || (known.Kind != seaworthy.KindInvalid && known.Kind != seaworthy.KindConflict) {
		return false
	}
	v.problem, v.form = sentence(known.Error()), r.PostForm
	if err := rt.again(w, r); err != nil {
		u.fail(w, r, fmt.Errorf("show the form again: %w", err))
	}
	return true
}

// isUpload tells whether a form carries a file.
func isUpload(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data")
}
