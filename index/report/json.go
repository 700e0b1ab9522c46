package report

import (
	"encoding/json"
	"math"

	"github.com/porevec/porevec/index/search"
)

// object is the JSON form of an answer. What is not known is null.
type object struct {
	ReadID            string   `json:"read_id"`
	Run               string   `json:"run"`
	Channel           uint16   `json:"channel"`
	Target            *string  `json:"target"`
	TargetLength      *int     `json:"target_length"`
	Start             *int     `json:"start"`
	End               *int     `json:"end"`
	Strand            *string  `json:"strand"`
	Probability       *float64 `json:"probability"`
	TargetProbability *float64 `json:"target_probability"`
	LeadNats          *float64 `json:"lead_nats"`
	Called            bool     `json:"called"`
	Final             bool     `json:"final"`
	Chunks            int      `json:"chunks"`
	Samples           uint64   `json:"samples"`
	ReadStart         uint64   `json:"read_start"`
	ReadSeconds       *float64 `json:"read_seconds"`
	Seconds           *float64 `json:"seconds"`
}

// AppendJSON appends an answer as one JSON object, without a line feed.
func AppendJSON(dst []byte, a *search.Answer) []byte {
	o := object{
		ReadID: a.ReadID.String(), Run: run(a), Channel: a.Channel, Called: a.Called, Final: a.Final,
		Chunks: a.Chunks, Samples: a.Samples, ReadStart: a.ReadStart,
		Probability: number(a.Probability), TargetProbability: number(a.TargetProbability), LeadNats: number(a.LeadNats),
		ReadSeconds: number(a.ReadSeconds()), Seconds: number(a.Seconds()),
	}
	if a.Found {
		o.Target, o.TargetLength = &a.Place.Target, &a.Place.TargetLength
		o.Start, o.End, o.Strand = &a.Place.Start, &a.Place.End, new(string(strand(&a.Place)))
	}
	text, _ := json.Marshal(o) // texts and finite numbers always have a JSON form
	return append(dst, text...)
}

// number is nil for what JSON does not know.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
