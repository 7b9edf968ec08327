// Package alertmanager turns alerts that others found into points: what Prometheus Alertmanager's webhook sends
// (prometheus.io/docs/alerting/latest/configuration, webhook_config, version "4"), Grafana's webhook, which has the same shape with
// more in it, and what Prometheus posts to Alertmanager (POST /api/v2/alerts, or what GET returns), one notification a record. An object that is
// an alert by itself is a notification of one.
//
// Each alert makes one point of the gauge alert: 1 while it fires, 0 once it is resolved. Its labels are those of the alert, and of
// commonLabels those that the alert does not have. The start of the point is startsAt.
//
// Points, and not log lines: what is repeated each few hours, as notifications are, is no rate of errors; whether something fires is a
// value. An objective takes it as a threshold, which makes windows with a firing alert bad events (detect/burnrate):
//
//	threshold: {metric: alert, labels: {severity: critical}, below: 1}
//
// and robust z sees an alert that comes back after it was quiet for a while. Windows in which nobody said anything about an alert have no row.
//
// # Time
//
// The time of a point is the record's own: it is when somebody said that the alert fires or is resolved. A notification that is
// repeated says so anew of an alert that began hours ago; at its startsAt it would be late, as the windows of that time have closed. The setting
// time: alert takes startsAt of a firing alert and endsAt of a resolved one in its place, for topics that are read again as history. A record or
// alert without the one time has the other.
//
// # What fires
//
// The word in status says it: firing or resolved; active, suppressed and unprocessed, as states of the API, fire: a silence keeps a
// notification back and makes nothing well. Where there is no status, as in what Prometheus posts, an alert is resolved if its endsAt is not after
// the record's time. Times that can't be read, and that of the year 1, are no times.
//
// Of members of one name the last counts. Labels that are numbers, true or false are taken as they are written, those that are null or empty are
// absent; what is not UTF-8 is replaced by U+FFFD. Annotations, values, URLs and all else are not read. Alerts that the sender left out
// (truncatedAlerts) are counted in Columns.Lost, as is what can't be used, by the reasons in this package's Lost constants. A record
// that is broken or beyond a limit is an error as a whole.
package alertmanager
