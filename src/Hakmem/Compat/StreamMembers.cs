using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.Compat;

// Members of Stream that netstandard2.0 lacks: the checks for derived classes, and the overloads that take spans.
internal static class StreamMembers
{
    extension(Stream)
    {
        public static void ValidateBufferArguments(byte[] buffer, int offset, int count)
        {
            if (buffer is null)
            {
                throw new ArgumentNullException(nameof(buffer));
            }

            if (offset < 0)
            {
                throw new ArgumentOutOfRangeException(nameof(offset), offset, "The offset must not be negative.");
            }

            if ((uint)count > (uint)(buffer.Length - offset))
            {
                throw new ArgumentOutOfRangeException(
                    nameof(count), count, "Offset and count must lie within the array.");
            }
        }

        public static void ValidateCopyToArguments(Stream destination, int bufferSize)
        {
            if (destination is null)
            {
                throw new ArgumentNullException(nameof(destination));
            }

            if (bufferSize <= 0)
            {
                throw new ArgumentOutOfRangeException(nameof(bufferSize), bufferSize, "The size must be above zero.");
            }

            if (!destination.CanWrite)
            {
                throw destination.CanRead
                    ? new NotSupportedException("The destination cannot be written to.")
                    : new ObjectDisposedException(destination.GetType().Name);
            }
        }
    }

    extension(Stream stream)
    {
        public void Write(ReadOnlySpan<byte> bytes)
        {
            byte[] copy = bytes.ToArray();
            stream.Write(copy, 0, copy.Length);
        }

        public Task WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            byte[] copy = bytes.ToArray();
            return stream.WriteAsync(copy, 0, copy.Length, cancellationToken);
        }
    }
}
