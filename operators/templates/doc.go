// Package templates counts log records by template: what lines of one kind have in common (package miner says how that is found). Of each
// record it emits a point, so that the operator window, which has to come after it, makes windows of them as of any metric,
// and detectors can look at each kind of line by itself.
//
//	detect:
//	  - templates
//	  - window: {size: 10s}
//	  - robustz: {series: [{metric: log.templates, direction: up}]}
//
// The points are of the delta log.templates, one for each stream and template, with the labels of the stream and
//
//	template    the template's id: 16 hexadecimal digits
//	text        its first shape, with <*> for each value; the first 200 bytes of it
//
// Id and text belong together and are the same on all lanes and after restarts. When templates are merged, later on, the records of both count
// for the older one; its text label stays as it is. How the templates read now, how many lines each had, and what was
// merged into what is in the state (homeostat state get, tables templates and merges).
//
// # Parameters
//
// With parameters: 10s the operator looks at what lines have at the places of their templates' values, each stretch of 10s of event time
// by itself. When the watermark reaches the end of a stretch it gives out gauges of it, at its last nanosecond, so that they are in the
// window of the same time and size:
//
//	log.parameters.distinct{template,place,text}       how many different values there were
//	log.parameters.share{template,place,text}          which share of the others had at least the value of one with the most
//	                                                   frequent one, of ten records and more
//	log.parameters.top{template,place,text,value}      the same, where it was half and more, by the name of the value
//
// place is the number of the atom in the template, the same for ever, and text the template's text with <?> at this place. Numbers are
// exact or estimated in 1 KiB a place (sketch.go): distinct values to 6.5% where they are many, and a share is never told too
// high, nor more than an eighth too low. Templates with lists of any length have no places, and dates and times
// are none. Of further places than the setting places says,
// records are lost as parameters_limit, and those of stretches that are over as parameters_late; they count for log.templates.
//
// # Errors
//
// With errors: true each record is also a point of the gauge log.errors.share of its stream and of its template's series: 1 if its severity is
// ERROR and above, 0 if not. So the mean of a window, which is what detectors look at, is the share of errors, its sum their number.
//
// # Bounds
//
// Only the first line of a record is looked at: what is behind it is a stack trace or an object, whose length varies.
//
// There is one miner for all streams of a lane, with at most templates templates; it makes room by forgetting those that were not
// seen for longest. Of the operator's series there are at most series on a lane; records of further pairs of stream
// and template count for the template other of their stream. When the lane's own table is full they are lost as series_limit.
//
// What a line's template is depends on the lines before it. A lane's log has these in one order, so a replay says the same;
// two runs over the same topics that are shared out anew (ADR 13) may merge templates at different lines.
package templates
