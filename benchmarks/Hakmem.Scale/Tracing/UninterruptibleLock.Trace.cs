using Hakmem.Scale.Tracing;

namespace Hakmem.Os;

internal sealed partial class UninterruptibleLock
{
    partial void OnEntered() => ThreadObserver.Current?.OnEntered(this);

    partial void OnExiting() => ThreadObserver.Current?.OnExiting(this);
}
