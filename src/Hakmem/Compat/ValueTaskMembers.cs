using System;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.Compat;

// ValueTask's factories, which netstandard2.0 lacks.
internal static class ValueTaskMembers
{
    extension(ValueTask)
    {
        public static ValueTask<T> FromResult<T>(T result) => new(result);

        public static ValueTask<T> FromCanceled<T>(CancellationToken token) => new(Task.FromCanceled<T>(token));

        public static ValueTask<T> FromException<T>(Exception exception) => new(Task.FromException<T>(exception));

        public static ValueTask FromCanceled(CancellationToken token) => new(Task.FromCanceled(token));

        public static ValueTask FromException(Exception exception) => new(Task.FromException(exception));
    }
}
