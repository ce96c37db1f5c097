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
