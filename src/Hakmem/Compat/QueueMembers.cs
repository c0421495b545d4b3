using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;

namespace Hakmem.Compat;

// What Queue has got since netstandard2.0.
internal static class QueueMembers
{
    extension<T>(Queue<T> queue)
    {
        public bool TryDequeue([MaybeNullWhen(false)] out T item)
        {
            bool isThere = queue.Count > 0;
            item = isThere ? queue.Dequeue() : default;
            return isThere;
        }
    }
}
