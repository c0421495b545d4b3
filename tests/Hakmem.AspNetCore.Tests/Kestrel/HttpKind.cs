namespace Hakmem.AspNetCore.Tests.Kestrel;

// A way to speak HTTP, for which a KestrelServer has an endpoint.
public enum HttpKind
{
    Http1,
    Http2ClearText,
    Http1OverTls,
    Http2OverTls,
}
