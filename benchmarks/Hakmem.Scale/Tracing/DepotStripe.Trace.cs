using Hakmem.Scale.Tracing;

namespace Hakmem.Small;

internal sealed unsafe partial class DepotStripe
{
    partial void OnSeeing() => ThreadObserver.Current?.OnSeeing(Lock);
}
