using Hakmem.Scale.Tracing;

namespace Hakmem.Small;

internal sealed unsafe partial class DepotStripe
{
    partial void OnSeeing() => ThreadObserver.Current?.OnSeeing(this);

    partial void OnEntered() => ThreadObserver.Current?.OnEntered(this);

    partial void OnExiting() => ThreadObserver.Current?.OnExiting(this);
}
