// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// Door answers the API server. It is an HTTP handler, safe for concurrent use.
type Door struct {
	guard atomic.Pointer[Guard]
	seen  func(*Request)
	last  func(*Review, *Decision)
	log   *slog.Logger
	now   func() time.Time
	room  *semaphore.Weighted
}

// DoorConfig says what a door does beside answering. A door does not know who knocks: the
// API server shows no credential by default. Whoever mounts it gives it a path that only
// the webhook configuration tells, so that nobody else makes up sightings.
type DoorConfig struct {
	// Seen is told of every request that is no dry-run, once it is decided and before it
	// is answered: nothing is let through that was not seen. It is called from many
	// goroutines and must not take long.
	Seen func(*Request)
	// Answer is told of every request, dry-runs too, before it is answered, and may add
	// warnings; nil: nobody is.
	Answer func(*Review, *Decision)
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
	// Room bounds the bytes of reviews that are read and judged at once; others wait for
	// their turn. 0 means 64 MB.
	Room int64
}

// NewDoor makes a door where the guard stands.
func NewDoor(g *Guard, cfg DoorConfig) *Door {
	d := &Door{seen: cfg.Seen, last: cfg.Answer, log: cfg.Log, now: cfg.Now, room: semaphore.NewWeighted(max(cmp.Or(cfg.Room, 4*maxBody), maxBody))}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.now == nil {
		d.now = time.Now
	}
	d.guard.Store(g)
	return d
}

// Swap puts another guard in the place of the one that stands there, and returns that.
// Requests that are being judged are answered by the one that they met.
func (d *Door) Swap(g *Guard) *Guard { return d.guard.Swap(g) }

// Guard gives the guard that stands there.
func (d *Door) Guard() *Guard { return d.guard.Load() }

// leastRoom is what the smallest review takes while it is judged.
const leastRoom = 128 << 10

// ServeHTTP answers one AdmissionReview.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	size := r.ContentLength
	if size < 0 || size > maxBody {
		size = maxBody
	}
	size = max(size, leastRoom)
	if err := d.room.Acquire(r.Context(), size); err != nil {
		http.Error(w, "the request ended before its turn came", http.StatusServiceUnavailable)
		return
	}
	defer d.room.Release(size)
	review, status, err := read(w, r)
	if err != nil {
		d.log.Warn("admission review refused", "error", err, "from", r.RemoteAddr)
		http.Error(w, err.Error(), status)
		return
	}
	started := d.now()
	ctx, cancel := within(r)
	defer cancel()
	decision := d.guard.Load().Review(ctx, review)
	if r.Context().Err() != nil { // whoever asked is gone, and went by the failure policy
		decision.unheard = true
		d.log.Warn("admission review answered too late", "request", review.String())
	}
	if d.seen != nil && !review.DryRun {
		d.seen(sighted(review, decision, started))
	}
	if d.last != nil {
		d.last(review, decision)
	}
	if decision.Failed {
		d.log.Error("admission could not be judged whole", "request", review.String(), "allowed", decision.Allowed, "why", decision.NotJudged)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(decision.answer(review)); err != nil {
		d.log.Warn("admission review not answered", "error", err, "request", review.String())
	}
}

// within bounds a review by the time that the API server gives it, less what the answer
// needs to get there: an answer that says what could not be evaluated is better than none.
func within(r *http.Request) (context.Context, context.CancelFunc) {
	given, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || given <= 0 || given > time.Minute {
		return context.WithCancel(r.Context())
	}
	return context.WithTimeout(r.Context(), given-given/10)
}

// read reads a review within its limits.
func read(w http.ResponseWriter, r *http.Request) (*Review, int, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, http.StatusMethodNotAllowed, seaworthy.Invalid("an admission review is sent by POST, not by %s", r.Method)
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, http.StatusUnsupportedMediaType, seaworthy.Invalid("the content type %q is not application/json", r.Header.Get("Content-Type"))
	}
	buffer := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= keptBuffer {
			buffers.Put(buffer)
		}
	}()
	err := body(w, r, buffer)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, http.StatusRequestEntityTooLarge, seaworthy.Invalid("the review is larger than %d MB", maxBody>>20)
	}
	if err != nil {
		return nil, http.StatusBadRequest, seaworthy.Invalid("read the review: %v", err)
	}
	review, err := ReadReview(*buffer)
	if err != nil {
		return nil, http.StatusBadRequest, err
	}
	return review, 0, nil
}

// buffers hold reviews while they are read: nothing of a review that was read is in there.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// keptBuffer is the largest that is used again.
const keptBuffer = 1 << 20

// body reads what was sent into a buffer, in one piece where its length was told.
func body(w http.ResponseWriter, r *http.Request, into *[]byte) (err error) {
	if r.ContentLength > maxBody {
		return &http.MaxBytesError{Limit: maxBody}
	}
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	if r.ContentLength <= 0 {
		*into, err = io.ReadAll(limited)
		return err
	}
	*into = slices.Grow((*into)[:0], int(r.ContentLength))[:r.ContentLength]
	if _, err := io.ReadFull(limited, *into); err != nil {
		return fmt.Errorf("after less than the %d bytes that were told: %w", r.ContentLength, err)
	}
	return nil
}

// answer is the decision as the API server reads it.
func (d *Decision) answer(r *Review) *admissionv1.AdmissionReview {
	notes := d.Annotations
	if r.named() {
		notes = maps.Clone(notes)
		if notes == nil {
			notes = map[string]string{}
		}
		notes[changes.ReviewNote+r.UID] = "answered"
	}
	out := &admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: reviewVersion, Kind: reviewKind},
		Response: &admissionv1.AdmissionResponse{
			UID: types.UID(r.UID), Allowed: d.Allowed, Warnings: d.Warnings, AuditAnnotations: notes,
		},
	}
	if !d.Allowed {
		reason := metav1.StatusReasonForbidden
		if d.code == http.StatusInternalServerError {
			reason = metav1.StatusReasonInternalError
		}
		out.Response.Result = &metav1.Status{Status: metav1.StatusFailure, Message: d.Message, Reason: reason, Code: d.code}
	}
	return out
}

// Ready tells whether the door answers: it judges a request that changes nothing.
func (d *Door) Ready(ctx context.Context) error {
	decision := d.guard.Load().Review(ctx, &Review{
		UID: "ready", Operation: opCreate, Kind: groupVersionKind{Version: "v1", Kind: "Pod"}, Namespace: "ready", Name: "ready",
		Resource: groupResource{Version: "v1", Resource: "pods"}, DryRun: true,
		Object: map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "ready", "namespace": "ready"}},
	})
	if decision.NotJudged != "" {
		return seaworthy.Invalid("admission: %s", decision.NotJudged)
	}
	return nil
}
