using System.Globalization;
using System.Text;
using Hakmem.Profiling;

namespace Hakmem.Guarded;

// What is known of a block's life. Call stacks are numbers of StackTable; threads are managed thread ids, 0 for not (yet).
internal readonly record struct BlockHistory(nuint Address, nuint Bytes, int AllocationThread, int AllocationStack, int FreeThread, int FreeStack)
{
    // An exception with all of this in its message and properties.
    public HakmemCorruptionException ToException(nuint address, string operation, string finding)
    {
        string? allocatedBy = StackTable.Instance.StringOf(AllocationStack);
        string? freedBy = StackTable.Instance.StringOf(FreeStack);
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{operation} of 0x{address:x}: {finding}.");
        if (AllocationThread != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nThe block of {Bytes} bytes at 0x{Address:x} was allocated by thread {AllocationThread}");
            text.Append(allocatedBy is null ? "." : ":\n" + allocatedBy.TrimEnd('\n'));
        }

        if (FreeThread != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nIt was freed by thread {FreeThread}");
            text.Append(freedBy is null ? "." : ":\n" + freedBy.TrimEnd('\n'));
        }

        return new HakmemCorruptionException(text.ToString(), address, allocatedBy, freedBy);
    }
}
