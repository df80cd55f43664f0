package otelrp_test

import (
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
)

// encoder writes attributes as key=value.
type encoder struct{}

func (encoder) ID() attribute.EncoderID { return encoderID }

var encoderID = attribute.NewEncoderID()

func (encoder) Encode(i attribute.Iterator) string {
	var all []string
	for i.Next() {
		all = append(all, string(i.Attribute().Key)+"="+i.Attribute().Value.Emit())
	}
	return strings.Join(all, ",")
}

func keys(m map[string]int64) []string { return slices.Sorted(maps.Keys(m)) }
