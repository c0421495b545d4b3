using Hakmem.Scale.Tracing;

namespace Hakmem.Small;

internal sealed unsafe partial class Depot
{
    partial void OnCounting() => ThreadObserver.Current?.OnSharedWord(this);
}
