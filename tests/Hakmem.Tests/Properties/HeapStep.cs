using System.Globalization;
using Hakmem.Heaps;

namespace Hakmem.Tests.Properties;

// One step of a generated sequence, in plain values so that it shrinks and prints. Slot picks a live block modulo their number;
// a step that needs one when there is none does nothing, so that dropping steps never makes a sequence invalid.
public sealed record HeapStep(HeapAction Action, int Heap, int Slot, int Bytes, int AlignmentLog2)
{
    public nuint Alignment => (nuint)1 << AlignmentLog2;

    public override string ToString() => Action switch
    {
        HeapAction.Alloc or HeapAction.AllocZeroed => Format($"heap {Heap}: {Action}({Bytes})"),
        HeapAction.AlignedAlloc => Format($"heap {Heap}: {Action}({Bytes}, {Alignment})"),
        HeapAction.AllocAtLeast => Format($"heap {Heap}: {Action}({Bytes})"),
        HeapAction.AlignedRealloc => Format($"heap {Heap}: {Action}(#{Slot}, {Bytes}, {Alignment})"),
        HeapAction.Realloc or HeapAction.TryRealloc or HeapAction.TryExpand or HeapAction.SizedFree
            or HeapAction.FreeWithALie => Format($"heap {Heap}: {Action}(#{Slot}, {Bytes})"),
        HeapAction.Trim => Format($"heap {Heap}: {Action}()"),
        _ => Format($"heap {Heap}: {Action}(#{Slot})"),
    };

    private static string Format(System.FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
