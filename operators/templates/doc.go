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
// Only the first line of a record is looked at: what is behind it is a stack trace or an object, whose length varies.
//
// There is one miner for all streams of a lane, with at most templates templates; it makes room by forgetting those that were not
// seen for longest. Of the operator's series there are at most series on a lane; records of further pairs of stream
// and template count for the template other of their stream. When the lane's own table is full they are lost as series_limit.
//
// What a line's template is depends on the lines before it. A lane's log has these in one order, so a replay says the same;
// two runs over the same topics that are shared out anew (ADR 13) may merge templates at different lines.
package templates
