// Package schemas holds the contracts with the outside: the public events as CloudEvents 1.0 in Kafka binary mode,
// their typed data, their JSON Schemas and golden fixtures, and the Arrow body of window.v1.
//
// A change that breaks a consumer is a new version of the type.
package schemas
