package plant

import (
	"math"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// Config sizes the simulated system. Default gives one that every scenario is tuned for.
type Config struct {
	Clients  ClientConfig
	App      AppConfig
	Database DatabaseConfig
	// LogInterval is the time between the periodic info lines of each entity.
	LogInterval time.Duration
}

// ClientConfig says how users behave.
type ClientConfig struct {
	// Timeout is how long a client waits for an answer to one attempt.
	Timeout time.Duration
	// Attempts is how often a client tries in all; 1 means no retry.
	Attempts int
	// Backoff is the mean pause before the second attempt; it doubles with each further attempt. The
	// pause is uniform between half and one and a half times its mean.
	Backoff time.Duration
}

// AppConfig sizes one instance of the application; all instances are equal.
type AppConfig struct {
	// Instances run at the start; MaxInstances is the room there is for more.
	Instances, MaxInstances int
	// Threads work at the same time; a thread is held also while its request waits for the database.
	Threads int
	// Queue is how many requests may wait for a thread; what comes on top is answered with an error.
	Queue int
	// Pool is how many database connections one instance may use at the same time.
	Pool int
	// Cores share the processor time of the threads.
	Cores int
	// CPU is the mean processor time of a request, a third before its query and the rest after it.
	CPU time.Duration
	// ErrorShare is the share of requests, 0..1, that fail for reasons of their own (bad input, bugs).
	ErrorShare float64
	// StartDelay passes between the start of an instance and its first request.
	StartDelay time.Duration
	// ColdTime is how long the caches of a started instance are cold: its queries take ColdFactor
	// times the work.
	ColdTime   time.Duration
	ColdFactor float64
}

// DatabaseConfig sizes the one database by the universal scalability law: with n queries at work it does
//
//	Throughput(n) = n / (1 + Contention·(n−1) + Coherence·n·(n−1)) / Demand
//
// queries a second, which has its maximum at Knee and falls beyond it.
type DatabaseConfig struct {
	// Connections is the limit on queries at work, over all instances.
	Connections int
	// Demand is the mean time of a query that is alone.
	Demand time.Duration
	// Contention is the law's σ: the share of the work that cannot be done in parallel.
	Contention float64
	// Coherence is the law's κ: the price of each pair of queries keeping each other's data consistent.
	Coherence float64
}

// Default returns a system of four instances whose database does at most about 194 queries a second,
// with 16 at work, and only 83 when the four pools are exhausted.
func Default() Config {
	return Config{
		Clients: ClientConfig{Timeout: 3 * time.Second, Attempts: 3, Backoff: time.Second},
		App: AppConfig{
			Instances: 4, MaxInstances: 16, Threads: 32, Queue: 24, Pool: 20,
			Cores: 2, CPU: 12 * time.Millisecond, ErrorShare: 0.0005,
			StartDelay: 20 * time.Second, ColdTime: time.Minute, ColdFactor: 1.5,
		},
		Database: DatabaseConfig{
			Connections: 200, Demand: 35 * time.Millisecond,
			Contention: 0.03, Coherence: 0.0038,
		},
		LogInterval: 5 * time.Second,
	}
}

// speed is the rate at which each of n queries gets on, relative to a query that is alone.
func (d DatabaseConfig) speed(n int) float64 {
	m := float64(n)
	return 1 / (1 + d.Contention*(m-1) + d.Coherence*m*(m-1))
}

// Throughput is the number of queries a second that the database does with n of them at work.
func (d DatabaseConfig) Throughput(n int) float64 {
	return float64(n) * d.speed(n) / d.Demand.Seconds()
}

// Knee is the number of queries at work beyond which the throughput falls.
func (d DatabaseConfig) Knee() int {
	n := int(math.Sqrt((1 - d.Contention) / d.Coherence))
	if d.Throughput(n+1) > d.Throughput(n) {
		n++
	}
	return max(n, 1)
}

func (c Config) check() error {
	facts := []struct {
		ok           bool
		name, wanted string
	}{
		{c.Clients.Timeout > 0, "Clients.Timeout", "more than 0"},
		{c.Clients.Attempts > 0 && c.Clients.Attempts < 100, "Clients.Attempts", "1..99"},
		{c.Clients.Backoff > 0, "Clients.Backoff", "more than 0"},
		{c.App.Instances > 0 && c.App.Instances <= c.App.MaxInstances, "App.Instances", "1..MaxInstances"},
		{c.App.MaxInstances <= 1000, "App.MaxInstances", "at most 1000"},
		{c.App.Threads > 0, "App.Threads", "at least 1"},
		{c.App.Queue >= 0, "App.Queue", "0 or more"},
		{c.App.Pool > 0, "App.Pool", "at least 1"},
		{c.App.Cores > 0, "App.Cores", "at least 1"},
		{c.App.CPU > 0, "App.CPU", "more than 0"},
		{c.App.ErrorShare >= 0 && c.App.ErrorShare <= 1, "App.ErrorShare", "0..1"},
		{c.App.StartDelay >= 0, "App.StartDelay", "0 or more"},
		{c.App.ColdTime >= 0, "App.ColdTime", "0 or more"},
		{c.App.ColdFactor >= 1, "App.ColdFactor", "1 or more"},
		{c.Database.Connections > 0, "Database.Connections", "at least 1"},
		{c.Database.Demand > 0, "Database.Demand", "more than 0"},
		{c.Database.Contention >= 0 && c.Database.Contention < 1, "Database.Contention", "0 or more and less than 1"},
		{c.Database.Coherence > 0, "Database.Coherence", "more than 0"},
		{c.LogInterval > 0, "LogInterval", "more than 0"},
	}
	for _, f := range facts {
		if !f.ok {
			return pipeline.Errorf("plant.config.invalid", "plant: %s is out of range: set it to %s", f.name, f.wanted)
		}
	}
	return nil
}
