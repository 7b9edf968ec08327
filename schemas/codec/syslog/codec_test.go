package syslog_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/syslog"
)

func newCodec(t testing.TB, settings pipeline.Settings) pipeline.Codec {
	t.Helper()
	codec, err := syslog.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

const now = codectest.Timestamp * 1_000_000 // 2026-11-23T04:30:04.407Z

var withIDs = pipeline.Settings{"labels": []any{"host", "app", "msgid"}}

// word is a message in words: stream, time as RFC 3339 ("" for the record's), severity, body.
type word struct {
	stream, time string
	severity     uint8
	body         string
}

func check(t *testing.T, settings pipeline.Settings, value string, want ...word) {
	t.Helper()
	got := codectest.NewChecker(func() pipeline.Codec { return newCodec(t, settings) }).Check(t, codectest.Record([]byte(value)))
	var lines []codectest.Line
	for _, w := range want {
		when := int64(now)
		if w.time != "" {
			when = codectest.Time(t, w.time)
		}
		lines = append(lines, codectest.Line{Stream: ":stream{" + w.stream + "}", Time: when, Severity: w.severity, Body: w.body})
	}
	if d := cmp.Diff(lines, got.Lines); d != "" || got.Code != "" || len(got.Lost) != 0 {
		t.Errorf("%q: code %q, lost %v (-want +got):\n%s", value, got.Code, got.Lost, d)
	}
}

func TestPlain(t *testing.T) {
	const then = "2026-11-23T04:00:01Z"
	for value, want := range map[string]word{
		// RFC 3164, also its examples.
		"<34>Nov 23 04:00:01 mymachine su: 'su root' failed for lonvig on /dev/pts/8": {`app="su",host="mymachine"`, then, 18, "'su root' failed for lonvig on /dev/pts/8"},
		"Use the BFG!":     {"", "", 0, "Use the BFG!"},
		"<13>Use the BFG!": {"", "", 10, "Use the BFG!"},
		"<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time":                            {`app="myproc",host="mymachine"`, "1987-08-24T05:34:00Z", 10, "%% It's time"},
		"<0>1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!": {`host="TZ-6"`, "1990-10-22T10:52:01Z", 21, "scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!"},
		// rsyslog and syslog-ng.
		"2026-11-23T04:00:01+00:00 web-3 nginx[812]: upstream timed out\n": {`app="nginx",host="web-3"`, then, 0, "upstream timed out"},
		"2026-11-23T04:00:01.5+02:00 web-3 kernel: oom":                    {`app="kernel",host="web-3"`, "2026-11-23T02:00:01.5Z", 0, "oom"},
		"2026-11-23T04:00:01Z web-4 checkout ready\n":                      {`app="checkout",host="web-4"`, then, 0, "ready"},
		"2026-11-23T04:00:01Z web-3 checkout[99] \uFEFFpayment failed\n":   {`app="checkout",host="web-3"`, then, 0, "payment failed"},
		"2026-11-23T04:00:01Z web-4 - ready\n":                             {`host="web-4"`, then, 0, "ready"},
		"<131>2026-11-23T04:00:01+00:00 web-3 nginx[812]: x":               {`app="nginx",host="web-3"`, then, 17, "x"},
		"Nov 23 04:00:01 web-3 nginx[812]: x":                              {`app="nginx",host="web-3"`, then, 0, "x"},
		"Nov  3 04:00:01 web-3 nginx: x":                                   {`app="nginx",host="web-3"`, "2026-11-03T04:00:01Z", 0, "x"},
		"Nov 3 04:00:01.25 web-3 nginx: x":                                 {`app="nginx",host="web-3"`, "2026-11-03T04:00:01.25Z", 0, "x"},
		"Nov 23 2026 04:00:01 web-3 nginx: x":                              {`app="nginx",host="web-3"`, then, 0, "x"},
		"Nov 23 04:00:01 2026 web-3 nginx: x":                              {`app="nginx",host="web-3"`, then, 0, "x"},
		"Mon Nov 23 04:00:01 2026 web-3 nginx: x":                          {`app="nginx",host="web-3"`, then, 0, "x"},
		"Feb 30 04:00:01 web-3 nginx: x":                                   {`app="nginx",host="web-3"`, "", 0, "x"},
		"2286-11-20T17:46:40Z web-3 nginx: x":                              {`app="nginx",host="web-3"`, "", 0, "x"},
		// Tags.
		"Nov 23 04:00:01 h sshd(pam_unix)[19939]: authentication failure": {`app="sshd(pam_unix)",host="h"`, then, 0, "authentication failure"},
		"Nov 23 04:00:01 h postfix/smtpd[12]: x":                          {`app="postfix/smtpd",host="h"`, then, 0, "x"},
		"Nov 23 04:00:01 h com.apple.xpc[1] (com.apple.x): Service":       {`app="com.apple.xpc",host="h"`, then, 0, "(com.apple.x): Service"},
		"Nov 23 04:00:01 h tag:no space":                                  {`app="tag",host="h"`, then, 0, "no space"},
		"Nov 23 04:00:01 h tag:   three":                                  {`app="tag",host="h"`, then, 0, "  three"},
		"Nov 23 04:00:01 h tag[1]:":                                       {`app="tag",host="h"`, then, 0, ""},
		"Nov 23 04:00:01 h last message repeated 2 times":                 {`host="h"`, then, 0, "last message repeated 2 times"},
		"Nov 23 04:00:01 h message repeated 2 times: [ x]":                {`host="h"`, then, 0, "message repeated 2 times: [ x]"},
		"Nov 23 04:00:01 h -- MARK --":                                    {`host="h"`, then, 0, "-- MARK --"},
		"Nov 23 04:00:01 h [error] x: y":                                  {`host="h"`, then, 17, "[error] x: y"},
		// Levels at the head of the text, without a priority.
		"Nov 23 04:00:01 h t: ERROR: x":                         {`app="t",host="h"`, then, 17, "ERROR: x"},
		"Nov 23 04:00:01 h t:  WARN x":                          {`app="t",host="h"`, then, 13, " WARN x"},
		"Nov 23 04:00:01 h t: error: x":                         {`app="t",host="h"`, then, 17, "error: x"},
		"Nov 23 04:00:01 h t: [ crit ] x":                       {`app="t",host="h"`, then, 18, "[ crit ] x"},
		"Nov 23 04:00:01 h t: error x":                          {`app="t",host="h"`, then, 0, "error x"},
		"Nov 23 04:00:01 h t: errors: x":                        {`app="t",host="h"`, then, 0, "errors: x"},
		"Nov 23 04:00:01 h t: [error":                           {`app="t",host="h"`, then, 0, "[error"},
		"<134>Nov 23 04:00:01 h t: ERROR: x":                    {`app="t",host="h"`, then, 9, "ERROR: x"},
		"Nov 23 04:00:01 h a[b]c: y":                            {`host="h"`, then, 0, "a[b]c: y"},
		"Nov 23 04:00:01 h a[b c]: y":                           {`host="h"`, then, 0, "a[b c]: y"},
		"Nov 23 04:00:01 h 123: y":                              {`host="h"`, then, 0, "123: y"},
		"Nov 23 04:00:01 h " + strings.Repeat("t", 129) + ": x": {`host="h"`, then, 0, strings.Repeat("t", 129) + ": x"},
		"Nov 23 04:00:01 " + strings.Repeat("h", 256) + " t: x": {"", then, 0, strings.Repeat("h", 256) + " t: x"},
		"Nov 23 04:00:01 - t: x":                                {`app="t"`, then, 0, "x"},
		"Nov 23 04:00:01 h\xff t\xff: x\xff":                    {"app=\"t\uFFFD\",host=\"h\uFFFD\"", then, 0, "x\xff"},
		"<6>sshd[77]: no time":                                  {`app="sshd"`, "", 9, "no time"},
		"<6>[ 12.345] usb 1-1: new":                             {"", "", 9, "[ 12.345] usb 1-1: new"},
		"<6> spaces first":                                      {"", "", 9, "spaces first"},
		// No host.
		"Nov 23 04:00:01 sshd[77]: x":     {`app="sshd"`, then, 0, "x"},
		"Nov 23 04:00:01 kernel: x":       {`app="kernel"`, then, 0, "x"},
		"2026-11-23T04:00:01Z sshd[77] x": {`app="sshd"`, then, 0, "x"},
		"Nov 23 04:00:01":                 {"", then, 0, ""},
		"Nov 23 04:00:01 h":               {`host="h"`, then, 0, ""},
		"Nov 23 04:00:01 h ":              {`host="h"`, then, 0, ""},
		"Nov 23 04:00:01 fe80::1 t: x":    {`app="t",host="fe80\:\:1"`, then, 0, "x"},
		"<190>2026-11-23T04:00:01Z":       {"", then, 9, ""},
		// Cisco.
		"*Nov 23 04:00:01.123: %LINK-3-UPDOWN: Interface down":                        {`app="LINK"`, "2026-11-23T04:00:01.123Z", 17, "%LINK-3-UPDOWN: Interface down"},
		"<189>45: *Nov 23 04:00:01.123: %SYS-5-CONFIG_I: Configured":                  {`app="SYS"`, "2026-11-23T04:00:01.123Z", 10, "%SYS-5-CONFIG_I: Configured"},
		"<189>45: 000312: sw1: .Nov 23 04:00:01.123 UTC: %SYS-5-CONFIG_I: Configured": {`app="SYS",host="sw1"`, "2026-11-23T04:00:01.123Z", 10, "%SYS-5-CONFIG_I: Configured"},
		"<189>: 2026 Nov 23 04:00:01 CET: %ETHPORT-5-IF_UP: up":                       {`app="ETHPORT"`, then, 10, "%ETHPORT-5-IF_UP: up"},
		"<191>45: Nov 23 04:00:01.123: IP: s=10.0.0.1":                                {"", "2026-11-23T04:00:01.123Z", 5, "IP: s=10.0.0.1"},
		"<166>Nov 23 2026 04:00:01: %ASA-6-302013: Built":                             {`app="ASA"`, then, 9, "%ASA-6-302013: Built"},
		"<166>Nov 23 2026 04:00:01 fw1 : %ASA-6-302013: Built":                        {`app="ASA",host="fw1"`, then, 9, "%ASA-6-302013: Built"},
		"Nov 23 2026 04:00:01 fw1 %ASA-6-302013: Built":                               {`app="ASA",host="fw1"`, then, 9, "%ASA-6-302013: Built"},
		"Nov 23 2026 04:00:01 %ASA-6-302013: Built":                                   {`app="ASA"`, then, 9, "%ASA-6-302013: Built"},
		"2026-11-23T04:00:01Z sw1 45: *Nov 23 03:59:59.123: %SYS-5-CONFIG_I: x":       {`app="SYS",host="sw1"`, then, 10, "%SYS-5-CONFIG_I: x"},
		"Nov 23 04:00:01 45: *Nov 23 03:59:59.123: %SYS-5-CONFIG_I: x":                {`app="SYS"`, then, 10, "%SYS-5-CONFIG_I: x"},
		"Nov 23 04:00:01 h %no mnemonic: x":                                           {`host="h"`, then, 0, "%no mnemonic: x"},
		// What is no priority, and what is no time.
		"<192>Nov 23 04:00:01 h t: x":  {"", "", 0, "<192>Nov 23 04:00:01 h t: x"},
		"<>Nov 23 04:00:01 h t: x":     {"", "", 0, "<>Nov 23 04:00:01 h t: x"},
		"<1234>Nov 23 04:00:01 h t: x": {"", "", 0, "<1234>Nov 23 04:00:01 h t: x"},
		"<html>":                       {"", "", 0, "<html>"},
		"1795408204 h t: x":            {"", "", 0, "1795408204 h t: x"},
		"E1123 04:00:01.123456 x":      {"", "", 0, "E1123 04:00:01.123456 x"},
	} {
		check(t, nil, value, want)
		check(t, pipeline.Settings{"dialect": "rfc3164"}, value, want)
	}
}

func TestStructured(t *testing.T) {
	const then = "2026-11-23T04:00:01Z"
	for value, want := range map[string]word{
		"<163>1 2026-11-23T04:00:01+00:00 web-3 nginx 812 - -  upstream timed out\n": {`app="nginx",host="web-3"`, then, 17, " upstream timed out"},
		"<165>1 2026-11-23T04:00:01.123456Z web-3 checkout 99 ID47 [origin ip=\"10.0.0.1\" env=\"prod\"] \uFEFFpayment \"card\" declined\n": {`app="checkout",host="web-3"`, "2026-11-23T04:00:01.123456Z", 10,
			`[origin ip="10.0.0.1" env="prod"] payment "card" declined`},
		`<165>1 2026-11-23T04:00:01Z h a - - [a@1 b="c\"]\\"][d@2] x`: {`app="a",host="h"`, then, 10, `[a@1 b="c\"]\\"][d@2] x`},
		`<165>1 2026-11-23T04:00:01Z h a - - [a@1 b="c"]`:             {`app="a",host="h"`, then, 10, `[a@1 b="c"]`},
		"<134>1 2026-11-23T04:00:01Z web-4 checkout - - - ready":      {`app="checkout",host="web-4"`, then, 9, "ready"},
		"<134>1 - - - - - -":                      {"", "", 9, ""},
		"<134>1 - - - - - - x":                    {"", "", 9, "x"},
		"<134>1 - - - - - - \uFEFFü":              {"", "", 9, "ü"},
		"<134>1 - - - - - -  x":                   {"", "", 9, " x"},
		"<134>123 - h a p m - x":                  {`app="a",host="h"`, "", 9, "x"},
		"<134>1 2286-11-20T17:46:40Z h a - - - x": {`app="a",host="h"`, "", 9, "x"},
	} {
		check(t, nil, value, want)
		check(t, pipeline.Settings{"dialect": "rfc5424"}, value, want)
	}
	// Broken in ways that auto forgives.
	for value, want := range map[string]word{
		`<134>1 - h a - - [a b="c] x`:  {`app="a",host="h"`, "", 9, `[a b="c] x`},
		`<134>1 - h a - - no data`:     {`app="a",host="h"`, "", 9, `no data`},
		`<134>1 - h a - - [a b=c] x`:   {`app="a",host="h"`, "", 9, `[a b=c] x`},
		`<134>1 - h a - - [] x`:        {`app="a",host="h"`, "", 9, `[] x`},
		`<134>1 - h a - - [a]x`:        {`app="a",host="h"`, "", 9, `[a]x`},
		`<134>1 - h a - -  x`:          {`app="a",host="h"`, "", 9, ` x`},
		`<134>1 - h a - - `:            {`app="a",host="h"`, "", 9, ``},
		`<134>1 yesterday h a - - - x`: {"", "", 9, "1 yesterday h a - - - x"},
		`<134>1 - h a -`:               {"", "", 9, "1 - h a -"},
		`<134>0 - h a - - - x`:         {"", "", 9, "0 - h a - - - x"},
		`<134>1  - h a - - - x`:        {"", "", 9, "1  - h a - - - x"},
		`<134>1234 - h a - - - x`:      {"", "", 9, "1234 - h a - - - x"},
	} {
		check(t, nil, value, want)
		got := codectest.Fresh(t, newCodec(t, pipeline.Settings{"dialect": "rfc5424"}), []byte(value))
		if got.Code != "syslog.syntax" {
			t.Errorf("%q as rfc5424: %+v", value, got)
		}
	}
	check(t, pipeline.Settings{"dialect": "rfc3164"}, "<134>1 - h a - - - x", word{"", "", 9, "1 - h a - - - x"})
}

func TestSettings(t *testing.T) {
	const value = `<134>1 2026-11-23T04:00:01Z h a 77 ID1 [x] text` + "\n"
	const then = "2026-11-23T04:00:01Z"
	check(t, pipeline.Settings{"body": "line"}, value, word{`app="a",host="h"`, then, 9, strings.TrimRight(value, "\n")})
	check(t, pipeline.Settings{"labels": []any{}}, value, word{"", then, 9, "[x] text"})
	check(t, pipeline.Settings{"labels": []any{"facility", "msgid"}}, value, word{`facility="local0",msgid="ID1"`, then, 9, "[x] text"})
	check(t, pipeline.Settings{"labels": []any{"host", "app", "facility", "msgid"}}, "Nov 23 04:00:01 h a: x", word{`app="a",host="h"`, then, 0, "x"})
	check(t, pipeline.Settings{"labels": []any{"facility"}}, "<0>x\n<191>y", word{`facility="kern"`, "", 21, "x"}, word{`facility="local7"`, "", 5, "y"})
	check(t, pipeline.Settings{"zone": "Europe/Berlin"}, "Nov 23 04:00:01 h a: x", word{`app="a",host="h"`, "2026-11-23T03:00:01Z", 0, "x"})
	check(t, pipeline.Settings{"zone": "Europe/Berlin"}, "Jul 23 04:00:01 h a: x\n2026-11-23T04:00:01Z h a: x", word{`app="a",host="h"`, "2026-07-23T02:00:01Z", 0, "x"}, word{`app="a",host="h"`, then, 0, "x"})
	for _, name := range []string{"Local", "", "Mars/Olympus"} {
		_, err := syslog.New(pipeline.Settings{"zone": name})
		var fault *pipeline.SettingFault
		if !errors.As(err, &fault) || fault.Path != "zone" || pipeline.Code(err) != "syslog.zone" {
			t.Errorf("zone %q: %v", name, err)
		}
	}
}

func TestSeveralMessages(t *testing.T) {
	a, b, c := word{`app="a",host="h"`, "", 0, "x"}, word{`app="b",host="h"`, "", 0, "y"}, word{`app="c",host="h"`, "", 17, "z"}
	a.time, b.time = "2026-11-23T04:00:01Z", "2026-11-23T04:00:02Z"
	const one, two, three = "Nov 23 04:00:01 h a: x", "2026-11-23T04:00:02Z h b[1]: y", "<131>1 - h c - - - z"
	check(t, nil, one+"\n"+two+"\r\n\n \n"+three+"\n", a, b, c)
	check(t, nil, "\uFEFF"+one+"\n"+two, a, b)
	check(t, nil, one+"\x00\n"+three+"\x00", a, c)
	// Lines that continue a message.
	joined := a
	joined.body = "x\n\tat y\n\nz: 1\r\n<xml>"
	check(t, nil, one+"\n\tat y\n\nz: 1\r\n<xml>\r\n\n"+two, joined, b)
	check(t, pipeline.Settings{"multiline": "off"}, one+"\n\tat y\n"+two, a, word{"", "", 0, "\tat y"}, b)
	check(t, nil, "no head\nneither\n"+one+"\nmore", word{"", "", 0, "no head"}, word{"", "", 0, "neither"}, word{a.stream, a.time, 0, "x\nmore"})
	long := c
	long.body = "z\nmore"
	check(t, pipeline.Settings{"dialect": "rfc5424"}, three+"\nmore\n"+three, long, c)
	data := word{`app="c",host="h"`, "", 17, "[a] z\nmore"}
	check(t, nil, "<131>1 - h c - - [a] \uFEFFz\nmore\n", data)
	check(t, nil, "<131>1 - h c - - [a]\nmore\n", word{`app="c",host="h"`, "", 17, "[a]\nmore"})
	check(t, pipeline.Settings{"body": "line"}, one+"\nmore\n"+two, word{a.stream, a.time, 0, one + "\nmore"}, word{b.stream, b.time, 0, two})
	// Frames.
	frame := func(s string) string { return fmt.Sprintf("%d %s", len(s), s) }
	check(t, nil, frame(three)+frame("<13>"+one)+frame("<131>1 - h c - - - z\nmore\n"), c, word{a.stream, a.time, 10, "x"}, long)
	check(t, nil, frame(three)+"\n"+frame(three)+"\r\n\x00", c, c)
	check(t, nil, frame(three)+frame("no head"), c, word{"", "", 0, "no head"})
	check(t, nil, "\uFEFF"+frame(three), c)
	check(t, pipeline.Settings{"dialect": "rfc5424"}, frame(three)+frame(three), c, c)
	check(t, nil, "12 bottles", word{"", "", 0, "12 bottles"})
	check(t, nil, "12 <b>bottles", word{"", "", 0, "12 <b>bottles"})
}

func TestYearsAndZones(t *testing.T) {
	for _, c := range []struct{ record, zone, value, want string }{
		{"2027-01-01T00:00:05Z", "UTC", "Dec 31 23:59:59 h a: x", "2026-12-31T23:59:59Z"},
		{"2026-12-31T23:59:59Z", "UTC", "Jan  1 00:00:01 h a: x", "2027-01-01T00:00:01Z"},
		{"2026-12-31T23:30:00Z", "Europe/Berlin", "Jan  1 00:30:00 h a: x", "2026-12-31T23:30:00Z"},
		{"2028-03-01T00:00:05Z", "UTC", "Feb 29 23:59:59 h a: x", "2028-02-29T23:59:59Z"},
		{"2027-03-01T00:00:05Z", "UTC", "Feb 29 23:59:59 h a: x", "2027-03-01T00:00:05Z"},
		{"2027-03-01T00:00:05Z", "America/New_York", "<34>Feb 28 19:00:05 h a: x", "2027-03-01T00:00:05Z"},
	} {
		rec := codectest.Record([]byte(c.value))
		rec.Timestamp = codectest.Time(t, c.record) / 1e6
		got := codectest.Decode(t, newCodec(t, pipeline.Settings{"zone": c.zone}), pipeline.NewSeriesTable(nil, 0), rec)
		if len(got.Lines) != 1 || got.Lines[0].Time != codectest.Time(t, c.want) || got.Lines[0].Body != "x" {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

func TestLosses(t *testing.T) {
	rec := codectest.Record([]byte("Nov 23 04:00:01 h a: x\n2026-11-23T04:00:01Z h b: x\n<13>y"))
	rec.Timestamp = -1
	got := codectest.Decode(t, newCodec(t, nil), pipeline.NewSeriesTable(nil, 0), rec)
	if len(got.Lines) != 1 || !maps.Equal(got.Lost, map[string]int{syslog.LostNoTime: 2}) {
		t.Errorf("%+v", got)
	}
	codec, table := newCodec(t, nil), pipeline.NewSeriesTable(nil, 1)
	for range 2 {
		got = codectest.Decode(t, codec, table, codectest.Record([]byte("Nov 23 04:00:01 h a: x\nNov 23 04:00:01 h b: x\nNov 23 04:00:01 h b: x\nNov 23 04:00:01 h a: x")))
		if len(got.Lines) != 2 || !maps.Equal(got.Lost, map[string]int{syslog.LostStreamLimit: 2}) {
			t.Errorf("%+v", got)
		}
	}
}

func TestMemoBeyondItsMemoryStartsAnew(t *testing.T) {
	codec, table := newCodec(t, pipeline.Settings{"memo": int64(1)}), pipeline.NewSeriesTable(nil, 0)
	for range 3 {
		for i := range 50 {
			value := fmt.Sprintf("Nov 23 04:00:01 h%d a: x", i)
			if got := codectest.Decode(t, codec, table, codectest.Record([]byte(value))); len(got.Lines) != 1 || got.Lines[0].Stream != fmt.Sprintf(`:stream{app="a",host="h%d"}`, i) {
				t.Fatalf("%+v", got)
			}
		}
	}
	if table.Len() != 50 {
		t.Fatalf("%d streams", table.Len())
	}
}

// samples returns the values of the captured records of a topic.
func samples(t testing.TB, topic string) [][]byte {
	t.Helper()
	f, err := os.Open("testdata/" + topic + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var values [][]byte
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var value string
		if err := json.Unmarshal(lines.Bytes(), &value); err != nil {
			t.Fatal(err)
		}
		values = append(values, []byte(value))
	}
	if len(values) == 0 {
		t.Fatal("no samples")
	}
	return values
}

func TestProducers(t *testing.T) {
	nginx := "upstream timed out (110: Connection timed out) while connecting to upstream, client: 10.1.2.3"
	for topic, want := range map[string][]word{
		"rsyslog": {
			{`app="nginx",host="web-3"`, "2026-11-23T04:00:01Z", 0, nginx},
			{`app="postgres",host="db-1"`, "2026-11-23T04:00:02Z", 17, `ERROR:  deadlock detected "orders"`},
			{`app="kernel",host="node-7"`, "2026-11-23T04:00:03Z", 0, `Out of memory: Killed process 4242 (java)`},
			{`app="checkout",host="web-3"`, "2026-11-23T04:00:04.123456Z", 0, `payment failed: "card" declined`},
			{`app="checkout",host="web-4"`, "2026-11-23T04:00:05Z", 0, `ready`},
		},
		"rsyslog-5424": {
			{`app="nginx",host="web-3"`, "2026-11-23T04:00:01Z", 17, " " + nginx},
			{`app="postgres",host="db-1"`, "2026-11-23T04:00:02Z", 17, ` ERROR:  deadlock detected "orders"`},
			{`app="kernel",host="node-7"`, "2026-11-23T04:00:03Z", 9, ` Out of memory: Killed process 4242 (java)`},
			{`app="checkout",host="web-3"`, "2026-11-23T04:00:04.123456Z", 10, `[origin ip="10.0.0.1" env="prod"] payment failed: "card" declined`},
			{`app="checkout",host="web-4"`, "2026-11-23T04:00:05Z", 9, `ready`},
		},
		"syslogng": {
			{`app="nginx",host="web-3"`, "2026-11-23T04:00:01Z", 0, nginx},
			{`app="postgres",host="db-1"`, "2026-11-23T04:00:02Z", 17, `ERROR:  deadlock detected "orders"`},
			{`app="kernel",host="node-7"`, "2026-11-23T04:00:03Z", 0, `Out of memory: Killed process 4242 (java)`},
			{`app="checkout",host="web-3"`, "2026-11-23T04:00:04Z", 0, `payment failed: "card" declined`},
			{`app="checkout",host="web-4"`, "2026-11-23T04:00:05Z", 0, `ready`},
		},
	} {
		values := samples(t, topic)
		if len(values) != len(want) {
			t.Fatalf("%s: %d samples, %d wanted", topic, len(values), len(want))
		}
		for i, value := range values {
			check(t, nil, string(value), want[i])
		}
		check(t, nil, string(bytes.Join(values, []byte("\n"))), want...)
	}
}

func TestRegistered(t *testing.T) {
	reg := pipeline.NewRegistry()
	syslog.Register(reg)
	entry, ok := reg.Codec("syslog")
	if !ok {
		t.Fatal("not registered")
	}
	codec, err := entry.New(pipeline.Settings{})
	if err != nil || len(codectest.Fresh(t, codec, []byte("x")).Lines) != 1 {
		t.Fatal(err)
	}
	for _, s := range entry.Spec.Settings {
		if s.Doc == "" || s.Default == nil || s.Example == "" {
			t.Errorf("setting %s lacks doc, default or example", s.Name)
		}
	}
}
