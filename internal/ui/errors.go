// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// errorPage is what pages/error.html needs.
type errorPage struct {
	page
	Status    int
	Message   string
	Back      string
	RequestID string
}

// status is the answer to each kind of trouble; the API uses the same.
func status(k seaworthy.Kind) int {
	switch k {
	case seaworthy.KindInvalid:
		return http.StatusBadRequest
	case seaworthy.KindNotFound:
		return http.StatusNotFound
	case seaworthy.KindForbidden:
		return http.StatusForbidden
	case seaworthy.KindUnavailable:
		return http.StatusServiceUnavailable
	case seaworthy.KindConflict:
		return http.StatusConflict
	case seaworthy.KindUnauthenticated:
		return http.StatusUnauthorized
	}
	return http.StatusInternalServerError
}

var errorTitles = map[int]string{
	http.StatusBadRequest:          "That could not be understood",
	http.StatusNotFound:            "There is nothing here",
	http.StatusForbidden:           "Your role does not allow this",
	http.StatusServiceUnavailable:  "Something that this needs does not answer",
	http.StatusConflict:            "It was changed in between",
	http.StatusUnauthorized:        "Nobody is signed in",
	http.StatusInternalServerError: "Something went wrong here",
}

// fail answers a request with what went wrong. Only the words of [seaworthy.Error] are
// shown; anything else is logged under the request's id.
func (u *UI) fail(w http.ResponseWriter, r *http.Request, err error) {
	var known *seaworthy.Error
	code, message := http.StatusInternalServerError, "The server's log says more under the number below. Nothing was changed."
	if errors.As(err, &known) && known.Kind != seaworthy.KindInternal {
		code, message = status(known.Kind), known.Error()
	} else {
		u.Log.Error("page failed", "error", err, "path", r.URL.Path, "request_id", requestID(w))
	}
	if code == http.StatusUnauthorized && r.Method == http.MethodGet {
		to := "/sign-in"
		switch stageOf(err) {
		case auth.StageSecondFactor:
			to = "/sign-in/second-factor"
		case auth.StageEnrol:
			to = "/account/app"
		}
		http.Redirect(w, r, to+"?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	p := errorPage{page: u.page(r, errorTitles[code]), Status: code, Message: sentence(message), RequestID: requestID(w)}
	p.Q = query{path: "/"} // other programs are seen from the overview, for there may be nothing here
	if r.Method != http.MethodGet {
		p.Back = backTo(r)
	}
	layout := "app"
	if p.Who.Actor == "" {
		layout = "door"
	}
	if err := u.write(w, r, code, layout, "error", p); err != nil {
		u.Log.Error("error page failed", "error", err, "request_id", requestID(w))
		http.Error(w, message, code)
	}
}

// backTo is the page that a form was sent from, "/" when that is unknown or elsewhere.
func backTo(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host || !local(from.RequestURI()) {
		return "/"
	}
	return from.RequestURI()
}

// local tells whether an address stays on this server: it begins with one slash. A
// browser reads a backslash as a slash.
func local(to string) bool {
	if len(to) == 0 || to[0] != '/' {
		return false
	}
	return len(to) == 1 || (to[1] != '/' && to[1] != '\\')
}
