/** Metrics: the host's own counters, gauges and histograms. */
import { Bytes } from "../bytes";
import { MetricType, Status } from "../enums";
import { clearOut, outNumber, outU32, outU64 } from "../out";

@external("env", "proxy_define_metric")
declare function proxy_define_metric(type: u32, name: usize, nameSize: u32, returnMetricId: usize): u32;

/** Defines a metric (or finds it, if it exists) and gives its id, or 0 where the host refuses it. */
export function defineMetric(type: MetricType, name: Bytes): u32 {
  clearOut();
  const status = proxy_define_metric(type, name.ptr, name.len, outNumber);
  return status == Status.Ok ? outU32() : 0;
}

@external("env", "proxy_record_metric")
declare function proxy_record_metric(metricId: u32, value: u64): u32;

/** Sets a gauge, or adds a sample to a histogram. */
export function recordMetric(metricId: u32, value: u64): Status {
  return proxy_record_metric(metricId, value);
}

@external("env", "proxy_increment_metric")
declare function proxy_increment_metric(metricId: u32, offset: i64): u32;

/** Adds to a counter or a gauge. */
export function incrementMetric(metricId: u32, offset: i64): Status {
  return proxy_increment_metric(metricId, offset);
}

@external("env", "proxy_get_metric")
declare function proxy_get_metric(metricId: u32, returnValue: usize): u32;

/** Reads a counter or a gauge: `metricValue()`. */
export function getMetric(metricId: u32): Status {
  clearOut();
  return proxy_get_metric(metricId, outNumber);
}

/** The value that `getMetric` has just read. */
export function metricValue(): u64 {
  return outU64();
}
