using Hakmem.Scale.Tracing;

namespace Hakmem.Os;

// The bodies of the library's partial methods: each tells the thread's observer.
internal static partial class WordLock
{
    static partial void OnWaiting() => ThreadObserver.Current?.OnWaiting();
}
