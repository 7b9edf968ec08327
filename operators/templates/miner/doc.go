// Package miner finds the templates of log lines as they come: what lines of one kind have in common, with <*> for what differs. It
// knows nothing of columns or Kafka. One configuration is for all sources; a line's template follows from the lines up to it.
//
// # Shapes
//
// A line is cut at blanks and marks (,;:=|"'`()[]{}<>!?#) into atoms. What is a value is mostly seen by an atom's form: numbers, dates and
// times, paths, links, addresses, hexadecimal numbers, identifiers with several digits, names of three and more parts with a number in
// them, sizes with their unit, hosts with a port, texts of JSON members. Words of a closed set (true, null) are constants. The line's shape is
// its literal parts, with a sign for each value. Lines of one shape are of one template: its hash is the template's id, so lanes
// and restarts agree on it. This is the rule that the corrected templates of LogHub follow (Khan, Shin, Bianculli, Briand: Guidelines for
// assessing the accuracy of log message template identification techniques, ICSE 2022), but found before there are templates.
//
// # Merging
//
// Some values have the form of words (users, hosts). Templates that differ at one place only are one
//   - if one of them has a value there, and they have two literal words in common,
//   - or if there are many: six, when they have three words in common, and four times as many for each word less.
//
// The second is what Drain's similarity and Brain's frequent words look for; but a few words at one place (started, stopped) are mostly
// different events, so there have to be many. Words that change together, at two or three places, take four times as many for each
// place more, and two words more in common. Templates that differ by nothing but the length of a list, or by a value in
// brackets that some lines have (1034 bytes (1.01 KB) sent), are one.
//
// The older of two templates remains, with its id; the other id is recorded as merged into it (Miner.Merges).
//
// # Cost
//
// Most lines are not read at all. A line has a plan that was made of a line before: its literal parts, and what is between them by class
// alone (digits, digits with dots, a token with digits, a path, a link, a quoted text, a date of the same form). The plans of lines whose
// first words are the same are tried one after the other; a line that is of one has the shape of the line that the plan was made of, and
// so its template. plan.go says what is taken for granted of the reader for that, and it is fuzzed against it.
//
// Else the shape is read. One that was seen lately is found by its hash and compared byte by byte; only else is it looked for among
// the templates that have the same marks, by the hash of the literals that each has in its places. All three say the same: of all templates
// that match, the oldest is the one, so a new one changes nothing for lines of older ones, and when one gets another form what is
// remembered is worth nothing any more.
//
// # Bounds
//
// Of a line the first 4 KiB and 128 atoms are read; the rest is one value. When there is no room for another template, the quarter of them
// that was not seen for longest is forgotten; one that comes again has its id again. A new template is compared with the latest 512 of the same
// marks, so a flood of lines that are all different takes some 30 µs a line. There are at most 8192 plans, of lines of up to 512 bytes;
// where lines are hardly ever of one none are tried for a while.
package miner
