package rules

// A Wrapper is a Table around another one, which it asks for most of its answers.
type Wrapper interface {
	Table
	// Unwrap returns the table inside.
	Unwrap() Table
}

// As returns t as a T, one of the optional interfaces of tables: t itself if it is one, else the first table inside it
// that is.
func As[T any](t Table) (is T, ok bool) {
	for t != nil {
		if is, ok = t.(T); ok {
			return is, true
		}
		w, wraps := t.(Wrapper)
		if !wraps {
			break
		}
		t = w.Unwrap()
	}
	return is, false
}
