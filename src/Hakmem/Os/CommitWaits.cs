using System.Threading;

namespace Hakmem.Os;

// How long to wait before a commit that Windows refused is tried again: the system enlarges its page file while
// requests fail (mimalloc waits for that too). Where all waits were in vain, nobody waits for a second: every thread
// that asks for memory would else stand still in turn, since requests come under the heap's locks.
//
// Thread-safe.
internal sealed class CommitWaits
{
    // Each is twice as long as the one before: 310 ms in all.
    public const int Count = 5;
    public const uint FirstMs = 10;

    public const long InVainMs = 1000;

    // The time until which nobody waits. Any thread writes it, and a stale value is one more wait or one less.
    private long _inVainUntilMs = long.MinValue;

    // waits: how often this request has waited. 0 means not to try again.
    public uint NextMs(int waits, long nowMs)
    {
        if (waits >= Count)
        {
            Volatile.Write(ref _inVainUntilMs, nowMs + InVainMs);
            return 0;
        }

        return waits == 0 && nowMs < Volatile.Read(ref _inVainUntilMs) ? 0 : FirstMs << waits;
    }
}
