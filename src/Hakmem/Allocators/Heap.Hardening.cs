using System;
using System.Runtime.CompilerServices;
using Hakmem.Hardening;
using Hakmem.ThreadCaches;

namespace Hakmem.Allocators;

// The heap's part in hardening: which block is served by what, and what becomes of findings. A finding that belongs to the call that made
// it is thrown by it; one that came to light on the way (another block was damaged) is thrown when the call's own work is done.
internal sealed unsafe partial class Heap
{
    // Null but with full hardening or guarded sampling. These three are set by the constructor and nobody else.
    private GuardedBlocks? _guards;

    // Null but with full hardening: then no block is ever in a magazine.
    private CheckedBlocks? _checked;

    // Null but with guarded sampling.
    private AllocationSampler? _sampler;

    private int Stack => _limits.CaptureStacks ? StackCapture.Take(StackTable.Instance) : StackTable.None;

    // Apart from the constructor, so that what this makes is not so much as loaded where nothing is hardened.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Harden(bool isFull)
    {
        _guards = new GuardedBlocks(_arena, new GuardedRanges(_arena, _units, _runs), _limits.QuarantineBytes);
        _checked = isFull ? new CheckedBlocks(_arena, _depots, _classes, _limits.QuarantineBytes) : null;
        _sampler = isFull ? null : new AllocationSampler(_guards, _limits.GuardedSampleInterval);
        if (_limits.FaultReports)
        {
            // Where it cannot be, a fault goes unexplained, as it would without.
            _arena.TryReportFaults();
        }
    }

    // With full hardening every block; with guarded sampling one if it is due, else null. Null also if memory is out.
    private void* TryAllocateHardened(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        if (_checked == null)
        {
            return _sampler!.TryAllocate(cache, byteCount, alignment, isZeroed);
        }

        int index = ClassFor(byteCount, alignment);
        if (index < 0 || _classes[index].BlockBytes > CheckedBlocks.MaxBytes)
        {
            return _guards!.TryAllocate(byteCount, alignment, isZeroed, Stack);
        }

        void* block = _checked.TryAllocate(index, byteCount, Stack);
        if (block != null && isZeroed)
        {
            new Span<byte>(block, (int)byteCount).Clear();
        }

        return block;
    }

    private void FreeHardened(BlockInfo block, void* address)
    {
        if (block.Kind == BlockKind.Guarded)
        {
            // Sampled blocks have their stacks kept, asked for or not.
            int stack = _sampler != null ? StackCapture.Take(StackTable.Instance) : Stack;
            ThrowIfFound(_guards!.Free(block.First, (nuint)address, stack));
        }
        else
        {
            ThrowIfFound(_checked!.Free((byte*)address, block.First, block.SizeClass, block.Index, Stack));
        }
    }

    // Throws if a block, found by the resolver, is known to be free.
    private void RequireLive(BlockInfo block, void* address, string operation)
    {
        if (block.Kind == BlockKind.Guarded)
        {
            _guards!.RequireLive(block.First, (nuint)address, operation);
        }
        else if (_checked!.IsFree((byte*)address, block.First, block.Index))
        {
            throw _checked.DoubleFree((nuint)address, operation);
        }
    }

    // Gives what was found to be damaged.
    private HakmemCorruptionException? FlushQuarantines()
    {
        HakmemCorruptionException? finding = _checked?.Flush();
        return _guards?.Flush() ?? finding;
    }
}
