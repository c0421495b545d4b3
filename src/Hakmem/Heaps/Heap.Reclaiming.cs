using Hakmem.Reclaim;
using Hakmem.Records;

namespace Hakmem.Heaps;

// The heap's part in what happens after an allocation has failed; Reclaimer decides what is worth doing.
internal sealed unsafe partial class Heap
{
    // Set by the constructor and nobody else.
    private readonly Reclaimer _reclaimer;

    // How often everything unused was given back for an allocation that had failed.
    public long ReclaimRounds => _reclaimer.Rounds;

    // After a failure: with everything unused given back, unless that would be in vain, and once more in any case,
    // since memory may have come free meanwhile.
    private void* TryAllocateReclaiming(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        _decay.Report(FlushQuarantines(cache));
        bool isReclaimed = _reclaimer.TryReclaim(cache, nuint.Max(byteCount, alignment), out nuint corruptAddress);
        _decay.Report(corruptAddress);
        _decay.Report(_poisoned?.Flush());
        if (!isReclaimed)
        {
            _superSlabs.AwaitPurge();
            return TryAllocateOnce(cache, byteCount, alignment, isZeroed);
        }

        void* block = TryAllocateOnce(cache, byteCount, alignment, isZeroed);
        if (block != null)
        {
            _reclaimer.ForgetFailure();
        }

        _superSlabs.PurgeExcess();
        return block;
    }
}
