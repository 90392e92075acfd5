"""Sends a few records with one real client. Usage: send.py CLIENT HOST:PORT TOKEN

Exits 1 when the client reports that something was not taken, 77 when the client is not installed.
"""
import sys


def elasticsearch(address, token):
    from elasticsearch import Elasticsearch, __versionstr__, helpers

    client = Elasticsearch(f"http://{address}", api_key=token, http_compress=True)
    documents = ({"_op_type": "create", "_index": "logs-ai-default", "message": f"hello {n}"} for n in range(500))
    done, errors = helpers.bulk(client, documents, chunk_size=200)
    assert (done, errors) == (500, []), (done, errors)
    assert client.info()["tagline"]
    return f"elasticsearch-py {__versionstr__}: {done} created"


def splunk(address, token):
    import logging
    from importlib.metadata import version

    from splunk_handler import SplunkHandler, force_flush

    host, port = address.split(":")
    handler = SplunkHandler(
        host=host, port=int(port), token=token, index="ai", protocol="http", verify=False, flush_interval=0.1,
        sourcetype="litellm", retry_count=0,
    )
    logger = logging.getLogger("bot")
    logger.addHandler(handler)
    logger.warning("prompt blocked")
    force_flush()
    return f"splunk-handler {version('splunk-handler')}: flushed"


def otlp_traces(address, token):
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.exporter.otlp.proto.http.version import __version__
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult, SimpleSpanProcessor

    exporter = OTLPSpanExporter(
        endpoint=f"http://{address}/v1/traces", headers={"authorization": f"Bearer {token}"}, compression=Compression.Gzip,
    )
    results = []

    class Watched(SpanExporter):
        def export(self, spans):
            results.append(exporter.export(spans))
            return results[-1]

        def shutdown(self):
            exporter.shutdown()

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Watched()))
    tracer = provider.get_tracer("test")
    for n in range(5):
        with tracer.start_as_current_span(f"chat {n}") as span:
            span.set_attribute("gen_ai.request.model", "m")
    assert results == [SpanExportResult.SUCCESS] * 5, results
    return f"opentelemetry-exporter-otlp-proto-http {__version__}: 5 spans"


def otlp_logs(address, token):
    import logging

    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.version import __version__
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    exporter = OTLPLogExporter(endpoint=f"http://{address}/v1/logs", headers={"authorization": f"Bearer {token}"})
    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = logging.getLogger("bot")
    logger.addHandler(LoggingHandler(logger_provider=provider))
    for n in range(3):
        logger.warning("blocked %s", n)
    assert provider.force_flush()
    provider.shutdown()
    return f"opentelemetry-exporter-otlp-proto-http {__version__}: 3 records"


if __name__ == "__main__":
    send = {"elasticsearch": elasticsearch, "splunk": splunk, "otlp_traces": otlp_traces, "otlp_logs": otlp_logs}
    try:
        print(send[sys.argv[1]](sys.argv[2], sys.argv[3]))
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        sys.exit(77)
