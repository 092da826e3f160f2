// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// listsPage is what pages/lists.html needs.
type listsPage struct {
	page
	Rows  []listRow
	Lists []listChoice
	Next  string
}

type listRow struct {
	seaworthy.Population
	By, Href string
}

// listChoice is a list that can be frozen, and how it can be narrowed.
type listChoice struct {
	choice
	Filters string
}

func (u *UI) lists(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := listsPage{page: u.page(r, "Frozen lists")}
	if err := needProgram(p.page); err != nil {
		return err
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	const most = 50
	all, err := u.Store.Populations(ctx, p.Program.ID, p.Q.Get("after"), most)
	if err != nil {
		return err
	}
	for _, v := range all {
		p.Rows = append(p.Rows, listRow{v, names.actor(v.FrozenBy), p.To("/lists/", v.ID)})
	}
	if len(all) == most {
		p.Next = p.Q.After(all[most-1].ID)
	}
	for _, name := range store.ListNames() {
		_, filters, err := store.ListColumns(name)
		if err != nil {
			return err
		}
		p.Lists = append(p.Lists, listChoice{choice{Value: name, Text: strings.ReplaceAll(name, "-", " "), Chosen: name == p.Was("list", cmp.Or(p.Q.Get("list"), "findings"))}, strings.Join(filters, ", ")})
	}
	return u.render(w, r, "lists", p)
}

// freeze makes a population of a list as it is.
func (u *UI) freeze(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	if v.program == nil {
		return seaworthy.Invalid("There is no program yet.")
	}
	f := r.PostForm
	filters := map[string]string{}
	for _, l := range strings.FieldsFunc(f.Get("filters"), func(c rune) bool { return c == '\n' || c == ',' }) {
		k, value, found := strings.Cut(l, "=")
		if !found {
			if strings.TrimSpace(l) == "" {
				continue
			}
			return seaworthy.Invalid("The filter %q is not of the form name=value.", strings.TrimSpace(l))
		}
		filters[strings.TrimSpace(k)] = strings.TrimSpace(value)
	}
	asOf, err := dateField(r, "as-of")
	if err != nil {
		return err
	}
	if !asOf.IsZero() {
		asOf = asOf.AddDate(0, 0, 1)
	}
	made, err := u.Audit.Freeze(r.Context(), v.who, audit.FreezeRequest{
		Name: strings.TrimSpace(f.Get("name")), Program: v.program.ID, List: f.Get("list"), Filters: filters, AsOf: asOf,
	})
	if err != nil {
		return err
	}
	return u.done(w, r, "/lists/"+made.ID, "frozen")
}

// listPage is what pages/list.html needs.
type listPage struct {
	page
	List     seaworthy.Population
	By       string
	Filters  []string
	Head     []string // of the columns of Rows
	Rows     [][]string
	More     bool
	Samples  []sampleRow
	Versions []entryRow
}

type sampleRow struct {
	seaworthy.Sample
	By, Href string
}

// errEnough ends the reading of rows.
var errEnough = errors.New("enough rows were read")

func (u *UI) list(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	population, err := u.Audit.Population(ctx, visitOf(r).who, r.PathValue("id"))
	if err != nil {
		return err
	}
	p := listPage{page: u.page(r, population.Name, link{"Frozen lists", "/lists"}), List: population, Head: append([]string{"Row"}, population.Columns...)}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p.By = names.actor(population.FrozenBy)
	for k, v := range population.Filters {
		p.Filters = append(p.Filters, k+" = "+v)
	}
	const most = 20
	err = u.Audit.Frozen(ctx, population, func(n int, row []any) error {
		if n > most {
			return errEnough
		}
		cells := make([]string, 0, len(row)+1)
		cells = append(cells, strconv.Itoa(n))
		for _, v := range row {
			cells = append(cells, cellText(v))
		}
		p.Rows = append(p.Rows, cells)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	p.More = population.Count > most
	samples, err := u.Store.Samples(ctx, population.ID)
	if err != nil {
		return err
	}
	for _, s := range samples {
		p.Samples = append(p.Samples, sampleRow{s, names.actor(s.SelectedBy), "/lists/" + population.ID + "/export?format=xlsx&sample=" + s.ID})
	}
	if p.Versions, err = u.history(ctx, p.page, names, "population", population.ID); err != nil {
		return err
	}
	return u.render(w, r, "list", p)
}

func cellText(v any) string {
	switch v := v.(type) {
	case string:
		return clip(v, 200)
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// sample draws rows by a seed, or takes rows that somebody selected elsewhere.
func (u *UI) sample(w http.ResponseWriter, r *http.Request) error {
	ctx, who, id := r.Context(), visitOf(r).who, r.PathValue("id")
	var err error
	if isUpload(r) {
		r.Body = http.MaxBytesReader(w, r.Body, audit.SampleFileLimit+formLimit)
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			return seaworthy.Invalid("The form could not be read, or the file is larger than %s.", size(audit.SampleFileLimit))
		}
		defer func() { _ = r.MultipartForm.RemoveAll() }() // temporary files
		r.PostForm = r.MultipartForm.Value
		if file, _, failed := r.FormFile("file"); failed == nil {
			defer file.Close()
			if _, err := u.Audit.SampleByFile(ctx, who, id, file); err != nil {
				return err
			}
			return u.done(w, r, "/lists/"+id, "sampled")
		}
	}
	if rows := strings.TrimSpace(r.PostFormValue("rows")); rows != "" {
		var items []int
		if items, err = audit.ParseRows(rows); err == nil {
			_, err = u.Audit.SampleByList(ctx, who, id, items)
		}
	} else {
		n, parse := strconv.Atoi(r.PostFormValue("size"))
		if parse != nil {
			return seaworthy.Invalid("Say how many rows to draw, or list the rows that were selected elsewhere.")
		}
		_, err = u.Audit.SampleBySeed(ctx, who, id, strings.TrimSpace(r.PostFormValue("seed")), n)
	}
	if err != nil {
		return err
	}
	return u.done(w, r, "/lists/"+id, "sampled")
}

func (u *UI) exportFrozen(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	population, err := u.Audit.Population(r.Context(), visitOf(r).who, id)
	if err != nil {
		return err
	}
	format, err := u.exporting(w, r, population.List+"-"+population.FrozenAt.Format("2006-01-02"))
	if err != nil {
		return err
	}
	return u.Audit.ExportPopulation(r.Context(), visitOf(r).who, id, r.URL.Query().Get("sample"), format, w)
}

// exportList gives a list as it is now, seen through the program.
func (u *UI) exportList(w http.ResponseWriter, r *http.Request) error {
	v, name := visitOf(r), r.URL.Query().Get("list")
	q := store.ListQuery{List: name, Filters: map[string]string{}}
	_, filters, err := store.ListColumns(name)
	if err != nil {
		return err
	}
	if then := u.page(r, name).OnlyNow(); then != "" {
		return seaworthy.Invalid("A list is exported as of now, not as of %s. Freeze it as of that day, and export what was frozen.", then)
	}
	if v.program != nil {
		q.Program = *v.program
	}
	for _, f := range filters {
		if value := r.URL.Query().Get(f); value != "" {
			q.Filters[f] = value
		}
	}
	format, err := u.exporting(w, r, name)
	if err != nil {
		return err
	}
	return u.Audit.ExportList(r.Context(), v.who, q, format, w)
}
