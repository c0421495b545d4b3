using Hakmem.Scale.Tracing;

namespace Hakmem.Small;

internal static unsafe partial class CacheGate
{
    static partial void OnClosed() => ThreadObserver.Current?.OnGateClosed();
}
