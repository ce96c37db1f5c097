package settings

import (
	"net/http"
	"net/url"
	"reflect"
)

// CopyLists replaces the lists and parameters of a struct with copies, so that later changes of the caller have no
// effect: what was checked is what counts.
func CopyLists(pointer any) {
	fields := reflect.ValueOf(pointer).Elem()
	for i := range fields.NumField() {
		switch field := fields.Field(i); {
		case !field.CanSet():
		case field.Kind() == reflect.Slice && !field.IsNil():
			field.Set(reflect.AppendSlice(reflect.MakeSlice(field.Type(), 0, field.Len()), field))
		case field.Type() == reflect.TypeFor[url.Values]() && !field.IsNil():
			field.Set(reflect.ValueOf(url.Values(http.Header(field.Interface().(url.Values)).Clone())))
		}
	}
}

// Copy sets the fields of the struct that dst points to from those of the struct that src points to, as far as both
// have a field of the same name and type. So the rules of this package can be about a struct that it cannot import.
func Copy(dst, src any) {
	to, from := reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem()
	for _, field := range reflect.VisibleFields(from.Type()) {
		if !field.IsExported() || field.Anonymous {
			continue
		}
		if target := to.FieldByName(field.Name); target.IsValid() && target.Type() == field.Type {
			target.Set(from.FieldByIndex(field.Index))
		}
	}
}
